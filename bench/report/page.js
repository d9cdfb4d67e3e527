/* page: what is shown of the data, and the filters. The data is scripts/report's: series with points [run, value, low, high, n].
 * */
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);

/* A table shows this many rows until it is asked for all. */
const FEW = 8;

/* Name, one sentence, in the order of the page. "latency", "peers" and "profiles" have more than a table. */
const GROUPS = [
	['throughput', 'Throughput', 'Payload that arrives, and messages.'],
	['latency', 'Latency', 'From the time at which a message was due, so a moment in which an end stands still is seen.'],
	['cpu', 'CPU', 'Seconds of user and system time for each GB that arrives.'],
	['memory', 'Memory', 'Peaks of a process, and what an idle peer keeps.'],
	['instructions', 'Instructions', 'Of one iteration, counted by cachegrind: the same from run to run.'],
	['times', 'Times', 'Of one iteration of a bench; they vary with the state of the machine.'],
	['networks', 'Networks', 'Associations over simulated networks, in virtual time.'],
	['lines', 'Lines', 'Associations over lines between two network namespaces, in real time.'],
	['peers', 'Other stacks', 'The same work by other stacks, measured in turns in one run.'],
	['profiles', 'Flame graphs', 'Where the time goes; the width is the share.'],
];
const PERCENTILES = ['p50', 'p90', 'p99', 'p99.9', 'p99.99', 'max'];

/* bench, case, metric, and what a reader calls it. */
const HEADLINES = [
	['perf', '16 KiB messages', 'throughput', 'Throughput, 16 KiB messages'],
	['perf', '64-byte messages', 'messages', 'Messages of 64 bytes'],
	['latency', 'ping', 'p50', 'Ping, p50'],
	['latency', 'load of 50 %', 'p99', 'Half load, p99'],
	['perf', '16 KiB messages', 'CPU, sender', 'CPU of the sender'],
	['perf', '16 KiB messages', 'CPU, receiver', 'CPU of the receiver'],
	['endpoint', 'resident memory of an idle peer', 'memory', 'Memory of an idle peer'],
	['association', '16384 bytes, copied', 'instructions', 'Instructions, 16 KiB message'],
];

const view = { machine: 0, bench: '', text: '' };

/* ---- the document ---- */

function element(name, attributes = {}, ...children) {
	const e = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (typeof value === 'function')
			e.addEventListener(key, value);
		else if (value !== false && value !== undefined)
			e.setAttribute(key, value === true ? '' : value);
	}
	e.append(...children);
	return e;
}

const span = (kind, ...children) => element('span', { class: kind }, ...children);
const cell = (kind, ...children) => element('td', { class: kind }, ...children);
const row_head = (...children) => element('th', { scope: 'row' }, ...children);
const column_head = (kind, ...children) => element('th', { scope: 'col', class: kind }, ...children);
const soft = text => element('p', { class: 'soft' }, text);

const name_of = line => `${line.bench}: ${line.stack ? `${line.stack}, ` : ''}${line.case}, ${line.metric}`;

/* ---- what is selected ---- */

const last = line => line.points.at(-1);
const became_worse = line => line.worse.includes(line.points.length - 1);
const on_machine = line => line.machine === view.machine;
const selected = line => on_machine(line) && (!view.bench || line.bench === view.bench) &&
	name_of(line).toLowerCase().includes(view.text.toLowerCase());
const of_group = group => data.series.filter(line => line.group === group && selected(line));

/* What became worse comes first, then in order of bench and case. */
function in_order(lines) {
	const key = line => `${became_worse(line) ? 0 : 1} ${line.bench} ${line.case} ${line.stack ?? ''}`;
	return [...lines].sort((a, b) => key(a).localeCompare(key(b), 'en', { numeric: true }));
}

/* ---- cells ---- */

function value_cell(line) {
	const { number, unit } = with_unit(last(line)[1], line.unit);
	return cell('number', element('strong', {}, number), ' ', span('unit', unit));
}

function change_cell(line, from, wide) {
	const place = `number${wide ? ' wide' : ''}`;
	if (line.points.length < 2)
		return cell(place, span('soft', '–'));
	const { text, kind } = change_of(from[1], last(line)[1], line.more);
	if (!wide && became_worse(line))
		return cell(place, span('bad', text, span('tag', 'worse')));
	if (!wide && line.better)
		return cell(place, span('good', text, span('tag', 'better')));
	return cell(place, span('soft', text, span('hidden', kind === 'same' || wide ? '' : `, ${kind}, within the bounds`)));
}

function name_cell(line, row) {
	const metric = !line.group.startsWith(line.metric) && line.metric; /* "time" among the times says nothing */
	const button = element('button', { type: 'button', class: 'name', 'aria-expanded': 'false', click: () => row.toggle() },
		span('case', line.case), span('soft', [line.bench, line.stack, metric].filter(Boolean).join(' · ')));
	row.button = button;
	return row_head(button);
}

/* ---- a row, and the graph below it ---- */

function numbers_of(line) {
	const head = element('tr', {}, column_head('', 'Commit'), column_head('', 'Day'),
		...['Value', 'Range', 'n'].map(text => column_head('number', text)));
	const rows = line.points.map(([run, value, low, high, n], i) => {
		const { number, unit } = with_unit(value, line.unit);
		return element('tr', { class: line.worse.includes(i) ? 'bad' : '' },
			row_head(element('code', {}, data.runs[run].commit)),
			cell('', day(data.runs[run].date)), cell('number', `${number} ${unit}`),
			cell('number', range_text(low, high, line.unit) || '–'), cell('number', String(n)));
	});
	return element('details', {}, element('summary', {}, 'As a table'),
		element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': name_of(line) },
			element('table', { class: 'plain' }, element('thead', {}, head), element('tbody', {}, ...rows))));
}

function row_of(line) {
	const row = { below: null };
	const tr = element('tr', { class: became_worse(line) ? 'is-worse' : '' });
	row.toggle = () => {
		const open = !row.below;
		row.button.setAttribute('aria-expanded', String(open));
		if (open) {
			const inside = element('td', { colspan: 6 }, line_chart(line, data.runs), numbers_of(line));
			row.below = element('tr', { class: 'below' }, inside);
			tr.after(row.below);
		} else {
			row.below.remove();
			row.below = null;
		}
	};
	const range = range_text(last(line)[2], last(line)[3], line.unit);
	tr.append(name_cell(line, row), cell('wide', sparkline(line)), value_cell(line), cell('number wide soft', range || '–'),
		change_cell(line, line.points.at(-2)), change_cell(line, line.points[0], true));
	return { tr, row };
}

function table_of(lines, label) {
	const ordered = in_order(lines);
	const head = element('tr', {}, column_head('', span('hidden', 'Case')), column_head('wide', 'Trend'),
		column_head('number', 'Latest'), column_head('number wide', 'Range'), column_head('number', 'Change'),
		column_head('number wide', 'Since baseline'));
	const body = element('tbody');
	const place = element('div', { class: 'table' },
		element('table', { 'aria-label': label }, element('thead', {}, head), body));
	const show = count => body.append(...ordered.slice(body.children.length && FEW, count).map(line => row_of(line).tr));
	const first = row_of(ordered[0]);
	body.append(first.tr, ...ordered.slice(1, FEW).map(line => row_of(line).tr));
	first.row.toggle();
	if (ordered.length > FEW)
		place.append(element('button', { type: 'button', class: 'more', click: e => {
			e.target.remove();
			show(ordered.length);
		} }, `Show all ${ordered.length}`));
	return place;
}

/* ---- parts of the page ---- */

function card(id, title, sentence, ...children) {
	return element('section', { class: 'card', id, 'aria-labelledby': `${id}-title` },
		element('h2', { id: `${id}-title` }, title), soft(sentence), ...children);
}

function tile(line, label) {
	const { number, unit } = with_unit(last(line)[1], line.unit);
	const change = line.points.length > 1 ? change_of(line.points.at(-2)[1], last(line)[1], line.more) : null;
	const kind = became_worse(line) ? 'bad' : line.better ? 'good' : 'soft';
	return element('li', { class: 'tile' }, span('label', label),
		span('big', element('strong', {}, number), ' ', span('unit', unit)),
		span(kind, ...change ? [change.text, span('hidden', ' since the run before')] : ['one run so far']),
		sparkline(line));
}

function tiles() {
	const shown = HEADLINES.flatMap(([bench, name, metric, label]) => {
		const line = data.series.find(l => l.bench === bench && l.case === name && l.metric === metric && selected(l));
		return line ? [tile(line, label)] : [];
	});
	return shown.length ? [element('ul', { class: 'tiles', 'aria-label': 'Main figures' }, ...shown)] : [];
}

function worse_part() {
	const lines = in_order(data.series.filter(line => selected(line) && became_worse(line)));
	const compared = data.series.filter(line => selected(line) && line.points.length > 1).length;
	if (!lines.length)
		return card('worse', 'Nothing became worse', compared
			? `${compared} figures were compared with their entry before.`
			: 'There is one entry of each figure so far, so nothing is compared.');
	const items = lines.map(line => {
		const [, from] = line.points.at(-2), [run, to] = last(line);
		const a = with_unit(from, line.unit), b = with_unit(to, line.unit);
		const change = span('bad', change_of(from, to, line.more).text);
		return element('li', {}, element('strong', {}, name_of(line)),
			span('', `${a.number} ${a.unit} → ${b.number} ${b.unit}, `, change, ', since ',
				element('code', {}, data.runs[run].commit)));
	});
	const sentence = `Of ${compared} figures; beyond both ranges, and beyond the bound of their kind.`;
	const part = card('worse', `${lines.length} became worse`, sentence, element('ul', { class: 'worse-list' }, ...items));
	part.classList.add('has-worse');
	return part;
}

const table_part = (id, title, sentence, lines) => card(id, title, sentence, table_of(lines, title));

/* The newest percentiles of each case, side by side. */
function percentile_table(lines) {
	const cases = [...new Set(lines.map(line => `${line.bench}: ${line.case}`))];
	const rows = cases.map(name => element('tr', {}, row_head(name), ...PERCENTILES.map(metric => {
		const line = lines.find(l => `${l.bench}: ${l.case}` === name && l.metric === metric);
		const text = line && with_unit(last(line)[1], line.unit);
		return cell(`number${line && became_worse(line) ? ' bad' : ''}`, text ? `${text.number} ${text.unit}` : '–');
	})));
	const head = element('tr', {}, element('td'), ...PERCENTILES.map(metric => column_head('number', metric)));
	return element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Percentiles of the last run' },
		element('table', { class: 'plain' }, element('thead', {}, head), element('tbody', {}, ...rows)));
}

function latency_part(id, title, sentence, lines) {
	const curves = lines.filter(line => line.curve?.length > 1);
	return card(id, title, sentence, ...curves.length ? [percentile_chart(curves)] : [], percentile_table(lines),
		element('h3', {}, 'Over runs'), table_of(lines, title));
}

/* ---- other stacks: a card for each work, the best one on top ---- */

function peer_card(lines) {
	const { more, unit, metric } = lines[0];
	const most = Math.max(...lines.map(line => last(line)[1]));
	const ordered = [...lines].sort((a, b) => (last(a)[1] - last(b)[1]) * (more ? -1 : 1));
	const rows = ordered.map(line => {
		const text = with_unit(last(line)[1], unit), range = range_text(last(line)[2], last(line)[3], unit);
		const stack = line.stack ?? 'sluice', bar = span('');
		bar.style.width = `${round(100 * last(line)[1] / most)}%`;
		return element('tr', { class: /^sluice\b/.test(stack) ? 'own' : '' },
			row_head(stack, line.version ? span('soft', line.version) : ''),
			element('td', { class: 'bar', 'aria-hidden': 'true' }, bar),
			element('td', { class: 'number', title: range && `${range} ${unit}` }, `${text.number} ${text.unit}`));
	});
	return element('div', { class: 'peer' }, element('h3', {}, lines[0].case),
		element('table', { class: 'bars', 'aria-label': `${lines[0].case}, ${metric}` }, element('tbody', {}, ...rows)));
}

/* What readers ask first; other metrics follow as they come, folded. */
const PEER_METRICS = ['throughput', 'p50', 'time of a packet'];

/* Lists of lines that have the same key, in the order in which the keys come. */
function grouped(lines, key) {
	const groups = new Map();
	for (const line of lines)
		groups.set(key(line), [...groups.get(key(line)) ?? [], line]);
	return [...groups.values()];
}

function peer_metric(lines) {
	const { metric, more } = lines[0];
	const works = grouped(lines, line => JSON.stringify([line.case, line.unit]));
	return element('details', { open: PEER_METRICS.includes(metric) },
		element('summary', {}, `${metric}; ${more ? 'more' : 'less'} is better`),
		element('div', { class: 'peers' }, ...works.map(peer_card)));
}

function peers_part(id, title, sentence, lines) {
	const place = one => (PEER_METRICS.indexOf(one[0].metric) + PEER_METRICS.length + 1) % (PEER_METRICS.length + 1);
	const metrics = grouped(lines, line => line.metric).sort((a, b) => place(a) - place(b));
	return card(id, title, sentence, ...metrics.map(peer_metric));
}

const FRAME_STYLE = 'body { margin: 0 } svg { width: 100%; min-width: 50rem; height: auto }';

/* A flame graph is a document of its own: its script and its styles see nothing of this page. */
function profiles_part(id, title, sentence) {
	return card(id, title, sentence, ...data.profiles.map(({ name, svg: text }) => {
		const frame = element('iframe', { title: `Flame graph: ${name}`, sandbox: 'allow-scripts' });
		const load = () => {
			frame.srcdoc = `<!doctype html><meta charset="utf-8"><style>${FRAME_STYLE}</style>${text}`;
		};
		const [, width = 2, height = 1] = text.match(/viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"/) ?? [];
		frame.style.aspectRatio = `${width} / ${height}`;
		return element('details', { toggle: load }, element('summary', {}, name), frame);
	}));
}

/* ---- all of it ---- */

function parts() {
	return GROUPS.flatMap(([group, title, sentence]) => {
		if (group === 'profiles')
			return data.profiles.length && !view.bench && !view.text ? [profiles_part(group, title, sentence)] : [];
		const lines = of_group(group);
		const make = { latency: latency_part, peers: peers_part }[group] ?? table_part;
		return lines.length ? [make(group, title, sentence, lines)] : [];
	});
}

const nothing = () => data.series.length
	? card('nothing', 'No figure is selected', 'Choose another bench, or a shorter part of a name.')
	: card('nothing', 'No figures yet', 'make bench measures and keeps them; then make report again.');

function show() {
	const shown = parts();
	const main = document.getElementById('main'), nav = document.getElementById('nav');
	const judged = data.series.some(selected) ? [worse_part()] : [];
	main.replaceChildren(...shown.length ? [...tiles(), ...judged, ...shown] : [nothing()]);
	nav.replaceChildren(...shown.map(part => element('a', { href: `#${part.id}` }, part.querySelector('h2').textContent)));
	const machine = data.machines[view.machine];
	document.getElementById('machine-text').textContent = machine
		? `${machine.cpu}; ${machine.compiler}; ${machine.openssl}.` : '';
	const newest = Math.max(-1, ...data.series.filter(on_machine).map(line => last(line)[0]));
	document.getElementById('newest').textContent = newest < 0 ? 'Nothing was measured yet'
		: `Newest run: ${data.runs[newest].commit}, ${day(data.runs[newest].date)}`;
}

function options_of(select, pairs, value) {
	select.replaceChildren(...pairs.map(([v, text]) => element('option', { value: v }, text)));
	select.value = value;
}

function fill_filters() {
	const benches = [...new Set(data.series.filter(on_machine).map(line => line.bench))].sort();
	if (!benches.includes(view.bench))
		view.bench = '';
	options_of(document.getElementById('bench'), [['', 'All'], ...benches.map(b => [b, b])], view.bench);
	const machines = data.machines.map((m, i) => [i, `${m.cpu}; ${m.compiler.split(',')[0]}; ${m.openssl}`]);
	options_of(document.getElementById('machine'), machines, view.machine);
	document.getElementById('machine-label').hidden = data.machines.length < 2;
}

function change_view(change) {
	Object.assign(view, change);
	fill_filters();
	show();
}

document.getElementById('filters').addEventListener('submit', e => e.preventDefault());
document.getElementById('bench').addEventListener('change', e => change_view({ bench: e.target.value }));
document.getElementById('machine').addEventListener('change', e => change_view({ machine: Number(e.target.value) }));
document.getElementById('text').addEventListener('input', e => change_view({ text: e.target.value.trim() }));
change_view({});
