/* figures: `make interop-figures`: how long opening takes, in ms and in round trips, how fast bulk goes,
 * and when the first picture is there; one table each. */
import { chromium, firefox, serve_page } from './browsers.mjs';
import { transfer } from './cases.mjs';
import { connect } from './connect.mjs';
import { PageEnd, ProcessEnd } from './ends.mjs';
import { connect_media } from './media.mjs';
import { long_cable } from './services.mjs';

const { INTEROP_A: A, INTEROP_B: B, INTEROP_C: C, INTEROP_D: D, INTEROP_OUT } = process.env;
const only = process.argv[2] || '';
const RUNS = Number(process.env.INTEROP_RUNS || 50);
const ONE_WAY = 50;
const PEER = `${INTEROP_OUT}/interop/peer`;

const sluice = (name, netns) => new ProcessEnd(name, [PEER], { netns });

function print_table(title, heads, rows) {
	const lines = [heads, ...rows.map(r => r.map(String))];
	const widths = heads.map((_, i) => Math.max(...lines.map(l => l[i].length)));
	console.log(`\n${title}`);
	for (const l of lines)
		console.log(`  ${l.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('   ')}`);
}

const at_quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

function sorted_by(samples, key) {
	return samples.map(key).sort((x, y) => x - y);
}

async function opening(name, offerer, answerer) {
	const samples = [];
	for (let i = 0; i <= RUNS; i++) {
		const { offer, opened } = await connect(offerer, answerer, { trickle: true });
		if (i > 0)
			samples.push({ offerer: opened.offerer - offer.started, answerer: opened.answerer - offer.started });
	}
	const here = sorted_by(samples, s => s.offerer);
	const there = sorted_by(samples, s => s.answerer);
	return [name, ...[here, there].flatMap(s => [at_quantile(s, 0.5).toFixed(1), s.at(-1).toFixed(1)])];
}

const MEDIA_RUNS = 9;

/* Audio and video each way. A page's first picture is its first presented one, ours the first whole frame. */
async function first_picture(name, offerer, answerer) {
	const samples = [];
	for (let i = 0; i <= MEDIA_RUNS; i++) {
		const { offer } = await connect_media(offerer, answerer, [{ kind: 'audio', source: 1 }, { kind: 'video', codec: 'VP8', source: 1 }]);
		const [here, there] = await Promise.all([offerer, answerer].map(end => end.call('watch', { name: 'video', frames: 5 })));
		if (i > 0)
			samples.push({ offerer: here.first_at - offer.started, answerer: there.first_at - offer.started });
	}
	return [name, ...['offerer', 'answerer'].flatMap(key => {
		const sorted = sorted_by(samples, s => s[key]);
		return [at_quantile(sorted, 0.5).toFixed(0), sorted.at(-1).toFixed(0)];
	})];
}

/* The signalling takes as long as the network: one round trip of the count is its. */
async function round_trips(name, offerer, answerer, more = {}) {
	const samples = [];
	for (let i = 0; i < 9; i++) {
		const { offer, opened } = await connect(offerer, answerer, { trickle: true, delay: ONE_WAY, ...more });
		samples.push({ offerer: opened.offerer - offer.at, answerer: opened.answerer - offer.at });
	}
	const count = key => (at_quantile(sorted_by(samples, key), 0.5) / (2 * ONE_WAY)).toFixed(2);
	return [name, count(s => s.offerer), count(s => s.answerer)];
}

async function throughput(name, from, to) {
	const rates = [];
	for (let i = 0; i < 3; i++) {
		await connect(from, to);
		rates.push(await transfer(from, to, 'bulk', { count: 1600, size: 65536, hash: false }));
	}
	rates.sort((x, y) => x - y);
	return [name, (rates[1] / 1e6).toFixed(1)];
}

async function rows_of(cases, measure) {
	const rows = [];
	for (const [name, ...ends] of cases) {
		rows.push(await measure(name, ...ends).catch(e => [name, `failed: ${e.message.split('\n')[0]}`, '', '', '']));
		console.error(rows.at(-1).join('  '));
	}
	return rows;
}

async function near() {
	const page = await serve_page();
	const c = await chromium({ origin: page.url });
	const c2 = await chromium({ origin: page.url });
	const f = await firefox();
	console.log(`${c.version}, ${f.version}, Linux ${process.env.INTEROP_KERNEL || ''}`);
	const chrome = await PageEnd.make('chromium', c.browser, page.url);
	const other = await PageEnd.make('chromium', c2.browser, page.url);
	const fox = await PageEnd.make('firefox', f.browser, page.url);
	const here = sluice('sluice', A);
	const there = sluice('sluice', B);
	const pairs = [
		['sluice offers to sluice', here, there], ['sluice offers to Chromium', there, chrome], ['Chromium offers to sluice', chrome, there],
		['sluice offers to Firefox', there, fox], ['Firefox offers to sluice', fox, there], ['Chromium offers to Chromium', chrome, other],
	];
	if ('opening'.includes(only)) {
		print_table(`From "create offer" to the open channel, ms, ${RUNS} times (the test's own signalling is in it)`,
			['', 'offerer p50', 'worst', 'answerer p50', 'worst'], await rows_of(pairs, opening));
	}
	if ('throughput'.includes(only)) {
		print_table('One channel, 105 MB in messages of 64 KiB, MB/s (median of 3)', ['', 'MB/s'], await rows_of([
			['sluice to Chromium', there, chrome], ['Chromium to sluice', chrome, there], ['Chromium to Chromium', chrome, other],
			['sluice to Firefox', there, fox], ['Firefox to sluice', fox, there], ['sluice to sluice', here, there],
		], throughput));
	}
	if ('media'.includes(only)) {
		print_table(`From setLocalDescription to the first picture, ms, ${MEDIA_RUNS} times`,
			['', 'offerer p50', 'worst', 'answerer p50', 'worst'], await rows_of([
				['sluice offers to Chromium', there, chrome], ['Chromium offers to sluice', chrome, there],
				['sluice offers to Firefox', there, fox], ['Firefox offers to sluice', fox, there],
				['Chromium offers to Chromium', chrome, other], ['Chromium offers to Firefox', chrome, fox],
				['Firefox offers to Chromium', fox, chrome],
			], first_picture));
	}
	await Promise.all([here.stop(), there.stop(), c.stop(), c2.stop(), f.stop()]);
	page.stop();
}

/* Over the long cable, where only it is to be seen. */
async function far() {
	const cable = await long_cable(C, D, ONE_WAY);
	const url = new URL('page.html', import.meta.url).href;
	const start = async (fast, netns) => {
		const browser = await chromium({ fast, netns });
		return { ...browser, end: await PageEnd.make('chromium', browser.browser, url) };
	};
	const plain = [await start(false, C), await start(false, D)];
	const fast = [await start(true, C), await start(true, D)];
	const here = sluice('sluice', C);
	const there = sluice('sluice', D);
	const snap = { offerer_options: { snap: true } };
	const all = { offerer_options: { snap: true, sped: true } };
	print_table(`From "offer sent" to the open channel, round trips of ${2 * ONE_WAY} ms, one of them signalling (median of 9)`,
		['', 'offerer', 'answerer'], await rows_of([
			['sluice offers to sluice', here, there], ['the same with SNAP', here, there, snap], ['the same with SNAP and SPED', here, there, all],
			['sluice offers to Chromium', there, plain[0].end], ['Chromium offers to sluice', plain[0].end, there],
			['sluice offers to Chromium, SNAP and SPED', there, fast[0].end, all],
			['Chromium offers to sluice, SNAP and SPED', fast[0].end, there],
			['Chromium offers to Chromium', plain[0].end, plain[1].end],
			['Chromium offers to Chromium, SNAP and SPED', fast[0].end, fast[1].end],
		], round_trips));
	await Promise.all([here.stop(), there.stop(), ...[...plain, ...fast].map(b => b.stop())]);
	await cable.stop();
}

if ('opening throughput media'.includes(only))
	await near();
if ('round trips'.includes(only))
	await far();
