/* chart: the drawings of the page, as SVG made by hand. A line over runs with its ranges and its baseline, the same as a small
 * sign in a table, and percentiles. Each is as wide as its place, and drawn again when that changes. */
'use strict';

const SVG = 'http://www.w3.org/2000/svg';

function svg(name, attributes = {}, ...children) {
	const e = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes))
		e.setAttribute(key, value);
	e.append(...children);
	return e;
}

const round = x => Math.round(x * 100) / 100;
const path_of = points => points.map(([x, y], i) => `${i ? 'L' : 'M'}${round(x)} ${round(y)}`).join('');

/* Calls draw(width) now and whenever the place's width is another one. */
function drawn_to_fit(place, draw) {
	let width = 0;
	new ResizeObserver(() => {
		const now = Math.floor(place.clientWidth);
		if (now > 0 && now !== width) {
			width = now;
			draw(width);
		}
	}).observe(place);
	return place;
}

/* About `count` round numbers that enclose low and high. */
function ticks_between(low, high, count) {
	const span = high - low || Math.abs(high) || 1;
	const rough = span / count;
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = [1, 2, 2.5, 5, 10].map(m => m * power).find(s => s >= rough);
	const ticks = [];
	for (let i = Math.floor(low / step); ; i++) {
		ticks.push(round_to(i * step, step));
		if (i * step >= high)
			return ticks;
	}
}

const round_to = (x, step) => Number(x.toFixed(Math.max(0, 3 - Math.floor(Math.log10(step)))));

/* ---- a line over runs ---- */

/* Values that hardly differ are not stretched until they seem to. */
function bounds_of(points) {
	const low = Math.min(...points.map(p => p[2])), high = Math.max(...points.map(p => p[3]));
	const least = 0.1 * Math.max(Math.abs(high), Math.abs(low)) || 1;
	const more = Math.max(0, least - (high - low)) / 2;
	return [low >= 0 ? Math.max(0, low - more) : low - more, high + more];
}

function y_axis(ticks, y, left, right, scale) {
	const axis = svg('g', { class: 'axis' });
	for (const tick of ticks)
		axis.append(svg('line', { x1: left, x2: right, y1: y(tick), y2: y(tick) }),
			svg('text', { x: left - 8, y: y(tick) + 4, 'text-anchor': 'end' }, number_in(tick, scale)));
	return axis;
}

/* As many commits as have room, the last one always. */
function run_labels(points, runs, x, width, y) {
	const labels = svg('g', { class: 'axis' });
	const every = Math.max(1, Math.ceil(points.length * 84 / width));
	points.forEach((point, i) => {
		if ((points.length - 1 - i) % every)
			return;
		const anchor = points.length === 1 ? 'middle' : i === points.length - 1 ? 'end' : i === 0 ? 'start' : 'middle';
		labels.append(svg('text', { x: x(i), y, 'text-anchor': anchor }, runs[point[0]].commit.slice(0, 7)));
	});
	return labels;
}

function ranges_of(points, x, y) {
	const g = svg('g', { class: 'range' });
	const edge = which => points.map((p, i) => [x(i), y(p[which])]);
	if (points.length > 1)
		g.append(svg('path', { d: `${path_of([...edge(3), ...edge(2).reverse()])}Z` }));
	points.forEach((p, i) => g.append(svg('line', { x1: x(i), x2: x(i), y1: y(p[2]), y2: y(p[3]) })));
	return g;
}

function dot(point, i, worse, x, y) {
	const [px, py] = [round(x(i)), round(y(point[1]))];
	return worse
		? svg('path', { class: 'dot worse', d: `M${px} ${py - 6}L${px + 6} ${py}L${px} ${py + 6}L${px - 6} ${py}Z` })
		: svg('circle', { class: 'dot', cx: px, cy: py, r: 4 });
}

function point_text(line, i, runs) {
	const [run, value, low, high, n] = line.points[i];
	const { number, unit } = with_unit(value, line.unit);
	const range = range_text(low, high, line.unit);
	const worse = line.worse.includes(i) ? '; worse than before' : '';
	return `${runs[run].commit}, ${day(runs[run].date)}: ${number} ${unit}${range && ` (${range})`}, ` +
		`${n === 1 ? 'one value' : `${n} values`}${worse}`;
}

/* One after the other is pointed at or reached by the arrow keys; what it is stands below the graph. */
function make_readable(place, picture, line, runs, x) {
	const said = place.querySelector('.readout');
	const ring = svg('circle', { class: 'ring', r: 8, cx: -20, cy: -20 });
	let at = line.points.length - 1;
	const go = i => {
		at = Math.max(0, Math.min(line.points.length - 1, i));
		const mark = picture.querySelectorAll('.dot')[at].getBBox();
		ring.setAttribute('cx', mark.x + mark.width / 2);
		ring.setAttribute('cy', mark.y + mark.height / 2);
		said.textContent = point_text(line, at, runs);
	};
	picture.append(ring);
	picture.addEventListener('pointermove', e => {
		const here = e.clientX - picture.getBoundingClientRect().left;
		go(line.points.reduce((best, _, i) => Math.abs(x(i) - here) < Math.abs(x(best) - here) ? i : best, 0));
	});
	picture.addEventListener('keydown', e => {
		const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: line.points.length - 1 }[e.key];
		if (to === undefined)
			return;
		e.preventDefault();
		go(to);
	});
	said.textContent = point_text(line, at, runs);
}

function draw_line(place, line, runs, width) {
	const { points } = line;
	const height = 210, left = 62, right = width - 14, top = 26, bottom = height - 28;
	const [low, high] = bounds_of(points);
	const ticks = ticks_between(low, high, 4);
	const scale = scale_of(Math.max(...ticks.map(Math.abs)), line.unit);
	const y = v => bottom - (v - ticks[0]) / (ticks.at(-1) - ticks[0]) * (bottom - top);
	const x = i => points.length === 1 ? (left + right) / 2 : left + 16 + i / (points.length - 1) * (right - left - 24);
	const baseline = points[0][1];
	const direction = (points.length > 1 ? `baseline ${number_in(baseline, scale)}, ` : '') +
		(line.more ? 'more is better' : 'less is better');
	const picture = svg('svg', {
		width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', tabindex: 0,
		'aria-label': `${name_of(line)}: ${points.length} of its runs; the arrow keys read them out`,
	});
	picture.append(svg('text', { x: left - 8, y: 14, 'text-anchor': 'end' }, scale[0]),
		svg('text', { x: right, y: 14, 'text-anchor': 'end' }, direction),
		y_axis(ticks, y, left, right, scale), ranges_of(points, x, y));
	if (points.length > 1)
		picture.append(svg('line', { class: 'baseline', x1: left, x2: right, y1: y(baseline), y2: y(baseline) }),
			svg('path', { class: 'line', d: path_of(points.map((p, i) => [x(i), y(p[1])])) }));
	picture.append(run_labels(points, runs, x, right - left, height - 8),
		...points.map((p, i) => dot(p, i, line.worse.includes(i), x, y)));
	place.querySelector(':scope > svg')?.remove();
	place.prepend(picture);
	make_readable(place, picture, line, runs, x);
}

/* The figure of a series: graph, what is pointed at, and all of it as a table. */
function line_chart(line, runs) {
	const place = element('figure', { class: 'chart' }, element('figcaption', { class: 'readout', 'aria-live': 'polite' }));
	return drawn_to_fit(place, width => draw_line(place, line, runs, width));
}

/* ---- the same in a table's cell ---- */

function sparkline(line) {
	const width = 104, height = 26, { points } = line;
	const [low, high] = bounds_of(points);
	const y = v => height - 4 - (v - low) / (high - low || 1) * (height - 8);
	const x = i => points.length === 1 ? width / 2 : 4 + i / (points.length - 1) * (width - 8);
	const picture = svg('svg', { width, height, class: 'spark', 'aria-hidden': 'true' });
	if (points.length > 1)
		picture.append(svg('path', { class: 'line', d: path_of(points.map((p, i) => [x(i), y(p[1])])) }));
	const last = points.length - 1;
	for (const i of new Set([...line.worse, last])) {
		const kind = line.worse.includes(i) ? 'dot worse' : 'dot';
		picture.append(svg('circle', { class: kind, cx: x(i), cy: y(points[i][1]), r: 2.5 }));
	}
	return picture;
}

/* ---- percentiles: each nine of the percentile as wide as the one before, times in powers of ten ---- */

/* Half of all, then nine after nine. */
const PERCENT_TICKS = [.5, .9, .99, .999, .9999, .99999, .999999, .9999999];

/* Where a share lies, in nines. The longest time has share 1; it stands a little behind the last percentile. */
const nines = share => -Math.log10(1 - share);
const nines_of = curve => curve.map(([share], i) => share < 1 ? nines(share) : i ? nines(curve[i - 1][0]) + 0.125 : 0);

function percentile_axes(most, low, high, x, y, box) {
	const g = svg('g', { class: 'axis' });
	let written = -Infinity;
	for (const share of PERCENT_TICKS.filter(s => nines(s) <= most + 1e-9)) {
		const at = x(nines(share)), is_last = at > box.right - 30;
		g.append(svg('line', { x1: at, x2: at, y1: box.top, y2: box.bottom }));
		if (at - written < (is_last ? 75 : 50))
			continue;
		const text = `${round(share * 1e7) / 1e5}%`;
		g.append(svg('text', { x: at, y: box.bottom + 18, 'text-anchor': is_last ? 'end' : 'middle' }, text));
		written = at;
	}
	for (let power = Math.log10(low); power <= Math.log10(high) + 1e-9; power++) {
		const value = 10 ** Math.round(power), text = with_unit(value, 'us');
		g.append(svg('line', { x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
			svg('text', { x: box.left - 8, y: y(value) + 4, 'text-anchor': 'end' }, `${text.number} ${text.unit}`));
	}
	return g;
}

function draw_percentiles(place, lines, width) {
	const height = Math.min(340, Math.max(240, width * 0.5));
	const box = { left: 62, right: width - 16, top: 12, bottom: height - 30 };
	const values = lines.flatMap(line => line.curve.map(p => Math.max(p[1], 1e-3)));
	const low = 10 ** Math.floor(Math.log10(Math.min(...values)));
	const high = 10 ** Math.ceil(Math.log10(Math.max(...values) * 1.0001));
	const most = Math.max(1, ...lines.flatMap(line => nines_of(line.curve)));
	const x = k => box.left + k / most * (box.right - box.left);
	const y = v => box.bottom - Math.log10(Math.max(v, low) / low) / Math.log10(high / low) * (box.bottom - box.top);
	const picture = svg('svg', {
		width, height, viewBox: `0 0 ${width} ${height}`, role: 'img',
		'aria-label': `Latency by percentile: ${lines.map(line => line.case).join('; ')}. The table has the numbers`,
	});
	picture.append(percentile_axes(most, low, high, x, y, box));
	lines.forEach((line, i) => {
		const at = nines_of(line.curve);
		const d = path_of(line.curve.map((p, k) => [x(at[k]), y(p[1])]));
		picture.append(svg('path', { class: `line series-${i % 6}`, d }, svg('title', {}, line.case)));
	});
	place.querySelector(':scope > svg')?.remove();
	place.append(picture);
}

function percentile_chart(lines) {
	const sample = i => svg('svg', { width: 28, height: 10, 'aria-hidden': 'true' },
		svg('path', { class: `line series-${i % 6}`, d: 'M1 5L27 5' }));
	const key = element('ul', { class: 'key' }, ...lines.map((line, i) => element('li', {}, sample(i), line.case)));
	const place = element('figure', { class: 'chart percentiles' }, key);
	return drawn_to_fit(place, width => draw_percentiles(place, lines, width));
}
