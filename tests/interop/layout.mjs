/* layout: what can be said of a page's looks without eyes: nothing overlaps, nothing is cut off, and things stand in order.
 * The functions that run in the page are whole in themselves. */
import assert from 'node:assert/strict';

export const SIZES = [320, 390, 640, 768, 1024, 1280, 1920];

/* Buttons side by side are at least this far apart. */
const APART = 4;

/* What is written on each canvas, and from where to where, since it was last cleared. Before the page's own scripts run. */
export const note_canvas_texts = page => page.evaluateOnNewDocument(() => {
	const texts = new Map();
	const write = CanvasRenderingContext2D.prototype.fillText;
	const width = Object.getOwnPropertyDescriptor(HTMLCanvasElement.prototype, 'width');
	Object.defineProperty(HTMLCanvasElement.prototype, 'width', {
		...width,
		set(value) {
			texts.set(this.id, []);
			width.set.call(this, value);
		},
	});
	CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
		const m = this.measureText(text);
		texts.get(this.canvas.id).push({
			text, left: x - m.actualBoundingBoxLeft, right: x + m.actualBoundingBoxRight,
			top: y - m.actualBoundingBoxAscent, bottom: y + m.actualBoundingBoxDescent,
		});
		return write.call(this, text, x, y);
	};
	window.canvas_texts = texts;
});

/* Everything that a reader sees as one thing: pieces of text, fields, buttons, graphs. */
function find_faults(apart) {
	const faults = [];
	const seen = e => e.checkVisibility() && !e.closest('.hidden, option, noscript');
	const name = e => `${e.tagName.toLowerCase()}${e.id ? `#${e.id}` : ''} "${(e.textContent || e.placeholder || '').trim().slice(0, 30)}"`;
	const things = [];
	for (const e of document.querySelectorAll('button, input, select, canvas, progress, img'))
		if (seen(e))
			things.push({ e, box: e.getBoundingClientRect(), control: e.tagName === 'BUTTON' });
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		const e = node.parentElement;
		if (!node.data.trim() || !seen(e) || e.closest('button, select, .log'))
			continue;
		const range = document.createRange();
		range.selectNodeContents(node);
		for (const box of range.getClientRects())
			things.push({ e, box, scrolls: e.closest('.scroll') });
	}
	/* Apart, or only as close as lines of a paragraph are. */
	for (const [i, a] of things.entries()) {
		for (const b of things.slice(i + 1)) {
			if (a.e === b.e || a.e.contains(b.e) || b.e.contains(a.e))
				continue;
			const x = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
			const y = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
			const margin = a.control && b.control ? -apart : 1;
			if (x > margin && y > margin)
				faults.push(`${name(a.e)} and ${name(b.e)} ${x > 1 && y > 1 ? 'overlap' : 'touch'}`);
		}
	}
	/* Inside of the card, and of the window. */
	for (const { e, box, scrolls } of things) {
		if (scrolls)
			continue;
		const frame = (e.closest('.card') ?? document.documentElement).getBoundingClientRect();
		if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1)
			faults.push(`${name(e)} leaves its card`);
	}
	for (const e of document.querySelectorAll('body *'))
		if (seen(e) && !e.closest('canvas, select, input, .scroll') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== 'inline')
			faults.push(`${name(e)} is cut off: ${e.scrollWidth} in ${e.clientWidth}`);
	/* On one line with a heading, a legend reads as part of that one or of the next graph's. */
	for (const legend of document.querySelectorAll('.legend'))
		if (!(legend.previousElementSibling?.getBoundingClientRect().bottom <= legend.getBoundingClientRect().top + 1))
			faults.push(`${name(legend)} is not below its heading`);
	for (const log of document.querySelectorAll('.log'))
		if (log.scrollHeight - log.scrollTop - log.clientHeight > 2)
			faults.push(`the newest line of ${log.id} is out of sight`);
	const g = document.createElement('canvas').getContext('2d');
	for (const e of document.querySelectorAll('input[placeholder]')) {
		const style = getComputedStyle(e);
		g.font = `${style.fontSize} ${style.fontFamily}`;
		const room = e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
		if (g.measureText(e.placeholder).width > room)
			faults.push(`the placeholder of ${name(e)} is cut off`);
	}
	return faults;
}

/* Of any page whose parts are cards. */
export const layout_faults = page => page.evaluate(find_faults, APART);

/* Each graph that is seen has its axes, with or without lines in it, and all that is written on it is there as a whole. */
function find_graph_faults() {
	const faults = [];
	for (const canvas of [...document.querySelectorAll('canvas')].filter(e => e.checkVisibility())) {
		const texts = window.canvas_texts.get(canvas.id) ?? [];
		if (texts.filter(t => t.text === '0').length !== 1 || texts.filter(t => /^[\d.]+ (ms|%|[KMG]?i?B|[kMG]?bit\/s)$/.test(t.text)).length < 2)
			faults.push(`${canvas.id} has no axis: ${texts.map(t => t.text)}`);
		for (const t of texts)
			if (t.left < -0.5 || t.right > canvas.clientWidth + 0.5 || t.top < -0.5 || t.bottom > canvas.clientHeight + 0.5)
				faults.push(`"${t.text}" on ${canvas.id} is cut off`);
	}
	return faults;
}

/* Shows a sample whose every number is as long as numbers get, and no other one until the returned function is called. */
export async function show_long_numbers(page) {
	await page.evaluate(() => {
		const { stats } = window.sluice;
		const last = stats.samples.at(-1);
		const bytes = 49.9e6 / 8 / 5;
		stats.page = 88.88;
		stats.add({
			...last, time: last.time + 200, rtt: 888.8, cwnd: 1023 << 10, inFlight: 1022 << 10, retransmitted: 1234567, peers: 256,
			payloadSent: last.payloadSent + bytes, payloadReceived: last.payloadReceived + bytes,
			path: {
				local: '2001:db8:1111:2222:3333:4444:5555:6666', localPort: 65535, localType: 'host',
				remote: '2001:db8:7777:8888:9999:aaaa:bbbb:cccc', remotePort: 65534, remoteType: 'prflx', protocol: 'udp',
			},
		});
		stats.add = () => {};
	});
	return () => page.evaluate(() => delete window.sluice.stats.add);
}

/* A person reads and writes before they measure. */
const ORDER = ['chat', 'files', 'live', 'throughput', 'echo'];

const tops = ids => ids.map(id => document.querySelector(`#${id}-title`).getBoundingClientRect().top);

/* Waits for two frames: graphs are drawn in the next one after a change. */
const drawn = page => page.evaluate(() => new Promise(resolve => {
	requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve)));
}));

export async function check_layout(page, width) {
	await drawn(page);
	const faults = [...await layout_faults(page), ...await page.evaluate(find_graph_faults)];
	assert.deepEqual(faults, [], `at a width of ${width}`);
	if (width > 640)
		return;
	const y = await page.evaluate(tops, ORDER);
	assert.deepEqual(y, [...y].sort((a, b) => a - b), `${ORDER} from top to bottom`);
}

/* No number of a connection that is silent or over is left; when it is over, no line of it either. */
export async function check_no_old_numbers(page, over) {
	await drawn(page);
	const seen = await page.evaluate(() => ({
		numbers: [...document.querySelectorAll('dd, .legend span')].map(e => e.textContent.trim()).filter(text => /\d/.test(text)),
		empty: ['plot-rtt', 'plot-cwnd', 'plot-goodput'].filter(id => window.canvas_texts.get(id).some(t => t.text === 'no data')),
		people: document.querySelector('#chat-people').textContent,
		files: document.querySelectorAll('[data-testid="server-file"]').length,
		/* Video has a connection of its own. */
		active: [...document.querySelectorAll('main button:not([disabled])')]
			.filter(e => e.checkVisibility() && !e.closest('[aria-labelledby="video-title"]')).map(e => e.textContent),
	}));
	assert.deepEqual(seen.numbers, [], 'numbers');
	if (over)
		assert.deepEqual(seen, { numbers: [], empty: ['plot-rtt', 'plot-cwnd', 'plot-goodput'], people: '–', files: 0, active: [] });
}
