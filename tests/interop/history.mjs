/* history: the page that `make report` makes, opened from disk: with a long history, with one entry, with none; its filters, its
 * keyboard, and what it looks like. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layout_faults, SIZES } from './layout.mjs';
import { test } from './report.mjs';

const SCRIPT = fileURLToPath(new URL('../../scripts/report', import.meta.url));
const RUNS = 12;
const HOSTILE = '</script><script>document.title = "broken"</script><!-- & "it" \\ \u2028';

/* ---- a history that has something of everything ---- */

const head = i => ({
	commit: `${(0xa11ce + i * 7919).toString(16)}0c0ffee`.slice(0, 12), date: new Date(Date.UTC(2026, 0, 1 + 9 * i)).toISOString(),
	cpu: 'AMD EPYC, 2 CPUs', compiler: 'gcc (Debian 12.2.0-14+deb12u1) 12.2.0, -O2 -g, mimalloc, ipsec-mb', openssl: 'OpenSSL 3.0.19',
});

/* The same noise in each run of the test. */
const noise = i => 1 + 0.01 * Math.sin(i * 12.9898);

const curve = (base, steep) => [...Array.from({ length: 33 }, (_, k) => [1 - 10 ** (-k / 8), base * (1 + steep * k * k / 400)]), [1, base * 9]];

const entry = (i, bench, name, metric, unit, value, more = {}) => {
	const now = value * noise(i);
	return { ...head(i), bench, case: name, metric, unit, value: now, low: now * 0.98, high: now * 1.02, n: 5, ...more };
};

function entries_of(i) {
	const all = [
		entry(i, 'perf', '16 KiB messages', 'throughput', 'Gbit/s', 22 + i / 2), entry(i, 'perf', '16 KiB messages', 'CPU, sender', 's/GB', 0.4 - i / 100),
		entry(i, 'perf', '64-byte messages', 'messages', 'messages/s', i === RUNS - 1 ? 7.1e6 : 1e7),
		entry(i, 'endpoint', 'resident memory of an idle peer', 'memory', 'KiB', i === 5 ? 36 : 31.6),
		entry(i, 'wan', 'gigabit, 20 ms', 'goodput', '%', 97, { better: 'more' }), entry(i, 'escape', HOSTILE, 'time', 'ns', 1234),
	];
	for (const [name, base] of [['ping', 80], ['load of 10 %', 30], ['load of 50 %', 45], ['load of 90 %', 120]])
		for (const [metric, times] of [['p50', 1], ['p90', 1.3], ['p99', 2], ['p99.9', 4], ['p99.99', 7], ['max', 9]])
			all.push(entry(i, 'latency', name, metric, 'us', base * times, metric === 'p50' ? { curve: curve(base, times) } : {}));
	for (const bench of ['association', 'codec', 'srtp'])
		for (const size of [64, 1200, 16384, 65536])
			all.push({ ...entry(i, bench, `${size} bytes`, 'instructions', 'instr', size), value: size * 3 - i, low: size * 3 - i, high: size * 3 - i, n: 1 });
	return all;
}

function peers() {
	const of = [['sluice', '0.1.0', 1], ['pion', 'v4.1.4', 0.2], ['libdatachannel', '0.23.1', 0.4], ['aiortc', '1.13', 0.005]];
	return ['16 KiB, reliable', '64 B, reliable'].flatMap(work => of.map(([stack, version, part]) =>
		entry(RUNS - 1, 'peers', work, 'throughput', 'Gbit/s', 29 * part, { stack, version })));
}

const whole_history = () => [
	...Array.from({ length: RUNS }, (_, i) => entries_of(i)).flat(), ...peers(),
	{ ...entry(3, 'perf', '16 KiB messages', 'throughput', 'Gbit/s', 29.5), cpu: 'Intel Xeon, 2 CPUs' },
];

const FLAMES = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 40"><rect width="400" height="40" fill="#e0704a"/>' +
	'<text x="10" y="25">sluice_sctp_output</text><script>parent.document.title = "broken"</script></svg>';

/* ---- the page ---- */

async function made(folder, name, records, profile) {
	const results = join(folder, name);
	await mkdir(results);
	await writeFile(join(results, 'x.jsonl'), records.map(r => `${JSON.stringify(r)}\n`).join(''));
	execFileSync(SCRIPT, ['--out', join(results, 'index.html'), ...profile ? ['--profile', profile] : [], results]);
	return `file://${join(results, 'index.html')}`;
}

/* What the page complains about, and what it asks of anybody, is a fault. */
async function opened(browser, url, width = 1280) {
	const page = await browser.newPage();
	const faults = [];
	page.on('console', message => faults.push(message.text()));
	page.on('pageerror', error => faults.push(error.message));
	page.on('request', request => /^(file:\/\/.*\.html|data:|about:)/.test(request.url()) || faults.push(`asks for ${request.url()}`));
	await page.setViewport({ width, height: 900 });
	await page.goto(url);
	await page.bringToFront();
	return { page, faults };
}

async function with_page(browser, url, width, body) {
	const { page, faults } = await opened(browser, url, width);
	try {
		await body(page);
		assert.deepEqual(faults, [], 'what the browser complains about');
		assert.equal(await page.title(), 'sluice, measured');
	} finally {
		await page.close();
	}
}

/* Graphs are drawn when their places have a width. */
const drawn = page => page.waitForFunction(() => [...document.querySelectorAll('figure')].every(f => f.querySelector(':scope > svg')));

/* Everything written in a graph is inside of it, and the window scrolls in one direction only. */
function find_graph_faults() {
	const faults = [];
	const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
	if (wide > 0)
		faults.push(`the page is ${wide} wider than the window`);
	for (const text of document.querySelectorAll('figure > svg text')) {
		const a = text.getBoundingClientRect(), b = text.ownerSVGElement.getBoundingClientRect();
		if (a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1)
			faults.push(`"${text.textContent}" is cut off`);
	}
	return faults;
}

async function check_looks(page, width) {
	await page.setViewport({ width, height: 900 });
	await drawn(page);
	assert.deepEqual([...await page.evaluate(find_graph_faults), ...await layout_faults(page)], [], `at a width of ${width}`);
}

const texts = (page, selector) => page.$$eval(selector, all => all.map(e => e.textContent.trim()));
const parts = page => texts(page, 'main h2');

/* ---- cases ---- */

async function filters(page) {
	assert.deepEqual(await texts(page, '#bench option'), ['All', 'association', 'codec', 'endpoint', 'escape', 'latency', 'peers', 'perf', 'srtp', 'wan']);
	await page.select('#bench', 'perf');
	assert.deepEqual(await parts(page), ['1 became worse', 'Throughput', 'CPU']);
	assert.deepEqual(await texts(page, '#throughput .case'), ['64-byte messages', '16 KiB messages']);
	await page.type('#text', '16 kib');
	assert.deepEqual(await parts(page), ['Nothing became worse', 'Throughput', 'CPU']);
	assert.deepEqual(await texts(page, '#throughput .case'), ['16 KiB messages']);
	await page.type('#text', ' nothing is called so');
	assert.deepEqual(await parts(page), ['No figure is selected']);
	await page.$eval('#text', input => { input.value = ''; input.dispatchEvent(new Event('input')); });
	await page.select('#machine', '1');
	assert.deepEqual(await parts(page), ['Nothing became worse', 'Throughput']);
	assert.match(await page.$eval('#machine-text', e => e.textContent), /^Intel Xeon/);
}

async function keyboard(page) {
	const row = '#memory .name';
	assert.equal(await page.$eval(row, e => e.getAttribute('aria-expanded')), 'true');
	await page.$eval('#memory figure svg', picture => picture.focus());
	const read = () => page.$eval('#memory .readout', e => e.textContent);
	assert.match(await read(), /, 2026-04-10: 3\d\.\d+ KiB \(.* to .*\), 5 values$/);
	await page.keyboard.press('Home');
	assert.match(await read(), /, 2026-01-01: /);
	for (let i = 0; i < 5; i++)
		await page.keyboard.press('ArrowRight');
	assert.match(await read(), /, 2026-02-15: .*; worse than before$/);
	await page.focus(row);
	await page.keyboard.press('Enter');
	assert.equal(await page.$('#memory figure'), null);
}

async function all_rows(page) {
	const count = () => page.$$eval('#instructions .case', all => all.length);
	assert.equal(await count(), 8);
	await page.click('#instructions .more');
	assert.equal(await count(), 12);
	assert.equal(await page.$('#instructions .more'), null);
	await page.click('#instructions tr:last-child .name');
	await drawn(page);
	await page.click('#instructions tr:last-child summary');
	assert.equal(await page.$$eval('#instructions tr:last-child .plain tbody tr', all => all.length), RUNS);
}

async function contents(page) {
	assert.deepEqual(await parts(page), ['1 became worse', 'Throughput', 'Latency', 'CPU', 'Memory', 'Instructions', 'Times', 'Networks', 'Other stacks',
		'Flame graphs']);
	assert.deepEqual(await texts(page, '#worse li strong'), ['perf: 64-byte messages, messages']);
	assert.deepEqual(await texts(page, '.is-worse .case'), ['64-byte messages']);
	assert.equal(await page.$$eval('#latency .percentiles > svg .line', all => all.length), 4);
	assert.deepEqual(await texts(page, '#latency > .scroll tbody th'), ['latency: ping', 'latency: load of 10 %', 'latency: load of 50 %', 'latency: load of 90 %']);
	assert.deepEqual(await texts(page, '#peers .peer:first-child tbody th'), ['sluice0.1.0', 'libdatachannel0.23.1', 'pionv4.1.4', 'aiortc1.13']);
	assert.deepEqual(await texts(page, '#times .case'), [HOSTILE.trim()]);
}

async function flames(page) {
	await page.click('#profiles summary');
	const frame = await page.waitForFrame(async f => f !== page.mainFrame() && await f.$('svg').catch(() => null) !== null, { timeout: 10000 });
	assert.equal(await frame.$eval('text', e => e.textContent), 'sluice_sctp_output');
}

const picture = (page, name) => page.screenshot({ path: name, fullPage: true });

export async function history_cases(group, browser, out) {
	const folder = await mkdtemp(join(tmpdir(), 'sluice-history-'));
	const profile = join(folder, 'profile');
	const shot = name => join(out, `${group} ${name}.png`.replaceAll(' ', '-'));
	try {
		await mkdir(profile);
		await writeFile(join(profile, 'perf.svg'), FLAMES);
		const whole = await made(folder, 'whole', whole_history(), profile);
		const one = await made(folder, 'one', [...entries_of(RUNS - 1)]);
		const none = await made(folder, 'none', []);

		await test(group, 'a history is shown with what became worse, peers and hostile names', () => with_page(browser, whole, 1280, contents));
		await test(group, 'benches, names and machines are filtered', () => with_page(browser, whole, 1280, filters));
		await test(group, 'a graph is read and closed by the keyboard', () => with_page(browser, whole, 1280, keyboard));
		await test(group, 'the rest of a long table, and the numbers of a graph', () => with_page(browser, whole, 1280, all_rows));
		await test(group, 'a flame graph is shown, and its script does not reach the page', async () => {
			const { page, faults } = await opened(browser, whole);
			await flames(page);
			assert.equal(await page.title(), 'sluice, measured');
			assert.equal(faults.length, 1);
			assert.match(faults[0], /SecurityError|denied/);
			await page.close();
		});
		for (const [name, url] of [['a long history', whole], ['one entry of each', one], ['nothing', none]])
			await test(group, `${name} looks right at every width, by day and by night`, () => with_page(browser, url, 1280, async page => {
				for (const width of SIZES)
					await check_looks(page, width);
				for (const [size, width] of [['desktop', 1280], ['phone', 390]]) {
					await check_looks(page, width);
					await picture(page, shot(`${name} ${size}`));
				}
				await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]).catch(() => {});
				await picture(page, shot(`${name} phone dark`));
			}));
		await test(group, 'one entry and nothing are said in a sentence', async () => {
			await with_page(browser, one, 390, async page => {
				assert.match(await page.$eval('#worse', e => e.textContent), /There is one entry of each figure so far/);
				assert.equal(await page.$$eval('#throughput figure .dot', all => all.length), 1);
			});
			await with_page(browser, none, 390, async page => assert.deepEqual(await parts(page), ['No figures yet']));
		});
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
