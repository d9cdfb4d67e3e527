/* chromium: Debian's Chromium, a page in each of two browsers. The work is done in the pages; this program passes the
 * descriptions, and starts the browsers as tests/interop does.
 *
 *   node chromium.mjs bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { chromium } from './browsers.mjs';
import { said_of } from './work.mjs';

/* The clock of a page that is not isolated steps by 100 us. */
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const FILES = {
	'/': ['text/html', '<!doctype html><script type="module" src="chromium_page.mjs"></script>'],
	'/chromium_page.mjs': ['text/javascript', readFileSync(new URL('chromium_page.mjs', import.meta.url))],
	'/work.mjs': ['text/javascript', readFileSync(new URL('work.mjs', import.meta.url))],
};

async function serve() {
	const server = createServer((request, response) => {
		const [type, text] = FILES[request.url] ?? ['text/plain', ''];
		response.writeHead(FILES[request.url] ? 200 : 404, { 'Content-Type': `${type}; charset=utf-8`, ...ISOLATED });
		response.end(text);
	});
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}

/* call(name, ...) calls a function of the page. */
async function start(url) {
	const { browser, version, stop } = await chromium({ origin: url });
	const [page] = await browser.pages();
	await page.goto(url);
	await page.waitForFunction('window.crossOriginIsolated && window.came');
	return { version, stop, call: (name, ...values) => page.evaluate((f, all) => window[f](...all), name, values) };
}

async function connect(here, there, mode, options) {
	const offer = await here.call('offer', options);
	return here.call('accept', await there.call('answer', offer, mode));
}

/* What the browser no longer counts as queued may still be on its way. What does not come within two seconds was lost. */
async function arrived(there, sent) {
	let came = await there.call('came');
	for (let i = 0; i < 20 && came.received < sent; i++) {
		await new Promise(resolve => setTimeout(resolve, 100));
		came = await there.call('came');
	}
	return came;
}

async function work(here, there, [mode, first, seconds, third]) {
	const size = Number(first), unreliable = third === 'unreliable';
	if (mode === 'open') {
		const times = [];
		for (let i = 0; i < size; i++)
			times.push(await connect(here, there, mode, {}));
		return said_of.open(times);
	}
	await connect(here, there, mode, unreliable ? { ordered: false, maxRetransmits: 0 } : {});
	const done = await here.call(mode, size, Number(seconds));
	return mode === 'ping' ? said_of.ping(size, done) : said_of.bulk(size, unreliable, done, await arrived(there, done));
}

const words = process.argv.slice(2);
const page = await serve();
const ends = await Promise.all([start(page.url), start(page.url)]);
try {
	const said = await work(...ends, words);
	console.log(JSON.stringify({ stack: 'chromium', version: ends[0].version.split('/').at(-1), mode: words[0], ...said }));
} finally {
	await Promise.all(ends.map(end => end.stop()));
	page.stop();
}
