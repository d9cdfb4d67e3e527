/* demo: the page of `sluice serve`, used as a person uses it, and what it then looks like. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check_layout, check_no_old_numbers, note_canvas_texts, show_long_numbers, SIZES } from './layout.mjs';
import { test } from './report.mjs';
import { service } from './services.mjs';

const sha256 = data => createHash('sha256').update(data).digest('hex');

const nft = (netns, rules) => execFileSync('ip', ['netns', 'exec', netns, 'nft', '-f', '-'], { input: rules });

/* `sluice serve` with a folder for its files, in the namespace, on its address. It can be killed and started again. */
export async function serve(netns, address) {
	const folder = await mkdtemp(join(tmpdir(), 'sluice-serve-'));
	const argv = [`${process.env.INTEROP_OUT}/sluice`, 'serve', '--http', `${address}:8080`, '--files', folder];
	let server;
	const start = async () => {
		server = service('sluice serve', argv, netns, /udp/);
		await server.ready;
	};
	await start();
	return {
		url: `http://${address}:8080/`,
		folder,
		start,
		end: signal => server.stop(signal),
		signal: s => server.signal(s),
		/* Nothing but HTTP gets through. */
		block: () => nft(netns, 'table inet deaf { chain in { type filter hook input priority 0; meta l4proto udp drop; }; }'),
		unblock: () => nft(netns, 'delete table inet deaf'),
		stop: async () => {
			await server.stop();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

async function open(browser, url) {
	const page = await browser.newPage();
	await page.setViewport({ width: 1280, height: 1500 });
	await note_canvas_texts(page);
	/* The page's policy forbids to fetch what "Save" points to, so it is kept here. */
	await page.evaluateOnNewDocument(() => {
		const make = URL.createObjectURL;
		URL.createObjectURL = blob => {
			window.saved = blob;
			return make.call(URL, blob);
		};
	});
	await page.goto(`${url}?manual`);
	return page;
}

const in_state = (page, id, state, ms = 10000) => page.waitForSelector(`#${id}[data-state="${state}"]`, { timeout: ms });

async function click(page, id) {
	await page.waitForSelector(`#${id}:not([disabled]):not([hidden])`, { timeout: 10000 });
	await page.$eval(`#${id}`, button => button.click());
}

/* A page behind another one neither paints nor takes keys. */
async function say(page, id, text) {
	await page.bringToFront();
	await page.waitForSelector(`#${id}-input:not([disabled])`, { timeout: 10000 });
	await page.type(`#${id}-input`, text);
	await click(page, `${id}-send`);
}

const appears = (page, selector, text) => page.waitForFunction(
	/* eslint-disable-next-line no-undef */
	(s, t) => [...document.querySelectorAll(s)].some(e => e.textContent.includes(t)), { timeout: 10000, polling: 50 }, selector, text);

async function throughput(page, direction) {
	await page.select('#throughput-seconds', '1');
	await click(page, `throughput-${direction}`);
	await in_state(page, 'throughput-result', 'running');
	await in_state(page, 'throughput-result', 'done', 15000);
	return page.$eval('#throughput-result', e => e.textContent.trim());
}

async function upload(page, folder) {
	const data = randomBytes(3000000);
	const path = join(folder, '..', `sluice-upload-${process.pid}.bin`);
	await writeFile(path, data);
	try {
		const input = await page.waitForSelector('#file-input:not([disabled])');
		await input.uploadFile(path);
		const name = path.split('/').pop();
		await page.waitForSelector(`[data-testid="transfer"][data-name="${name}"][data-state="done"]`, { timeout: 15000 });
		await page.waitForSelector(`[data-testid="server-file"][data-name="${name}"]`, { timeout: 10000 });
		assert.equal(sha256(await readFile(join(folder, name))), sha256(data), 'the file on the server');
		return name;
	} finally {
		await rm(path);
	}
}

async function download(page, name, folder) {
	const before = await readFile(join(folder, name));
	await page.$eval(`[data-testid="server-file"][data-name="${name}"] [data-testid="download"]`, button => button.click());
	await page.waitForSelector('[data-testid="save"]', { timeout: 15000 });
	const got = await page.evaluate(async () => {
		const bytes = new Uint8Array(await window.saved.arrayBuffer());
		let text = '';
		for (let i = 0; i < bytes.length; i += 0x8000)
			text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
		return btoa(text);
	});
	assert.equal(sha256(Buffer.from(got, 'base64')), sha256(before), 'the file in the browser');
}

/* Looks at the page in each size and keeps a picture of it, in both colour schemes where the browser's driver can switch them. */
async function look(page, group, state) {
	const name = `${group} ${state}`.replaceAll(' ', '-');
	await page.bringToFront();
	for (const width of SIZES) {
		await page.setViewport({ width, height: width < 600 ? 844 : 1500 });
		await check_layout(page, width);
		if (width !== 390 && width !== 1280)
			continue;
		for (const value of group.includes('chromium') ? ['light', 'dark'] : ['light']) {
			if (group.includes('chromium'))
				await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
			await page.screenshot({ path: `${process.env.INTEROP_OUT}/interop/${name}-${width}-${value}.png`, fullPage: true });
		}
	}
	await page.setViewport({ width: 1280, height: 1500 });
}

/* A file offered by the other, one that went and one that failed, and a test that ran: everything that can be in a list. */
async function fill_lists(page, other) {
	await page.waitForFunction(() => window.sluice.chat.people.length > 1, { timeout: 10000, polling: 50 });
	await other.evaluate(() => {
		const to = window.sluice.chat.people.find(p => p.id !== window.sluice.id).id;
		window.sluice.files.offer(new File([new Uint8Array(3000000)], 'IMG_20240102_123456_with_a_long_name_from_a_camera.jpeg'), to);
		window.sluice.chat.say(`a line that has to be broken ${'somewhere '.repeat(12)}${'x'.repeat(120)}`);
	});
	await page.evaluate(() => window.sluice.files.download('there-is-no-such-file.txt'));
	await page.waitForSelector('[data-testid="accept"]', { timeout: 10000 });
	await page.waitForSelector('[data-testid="transfer"][data-state="failed"]', { timeout: 10000 });
}

/* Without any traffic but the page's own. */
async function goodput_at_rest(page) {
	const points = await page.evaluate(async () => {
		await new Promise(resolve => {
			setTimeout(resolve, 3000);
		});
		return window.sluice.stats.goodput.lines.map(line => line.points.slice(-8).map(p => p[1]));
	});
	for (const [i, line] of points.entries()) {
		assert.equal(line.length, 8, 'samples');
		assert.ok(Math.max(...line) < 1500, `${i ? 'up' : 'down'} ${line.map(Math.round)} bit/s`);
	}
}

const stale = (page, ms) => page.waitForSelector('#cards[data-stale="true"]', { timeout: ms });

const stays_in = async (page, id, state, ms) => {
	await new Promise(resolve => {
		setTimeout(resolve, ms);
	});
	assert.equal(await page.$eval(`#${id}`, e => e.dataset.state), state);
};

const not_stale = (page, ms) => page.waitForSelector('#cards[data-stale="false"]', { timeout: ms });

/* A silence that ends leaves the connection as it was. begin and end: what makes and ends the silence. */
async function silence(page, begin, ms, end, text) {
	await page.bringToFront();
	const before = await page.evaluate(() => window.sluice.id);
	await begin();
	const over = new Promise(resolve => {
		setTimeout(resolve, ms);
	}).then(end);
	await stale(page, 3000);
	await page.waitForFunction(t => document.querySelector('#error').textContent.includes(t), { timeout: ms, polling: 50 }, text);
	await check_no_old_numbers(page, false);
	await over;
	await not_stale(page, 12000);
	assert.equal(await page.evaluate(() => window.sluice.id), before, 'the same connection');
	await page.waitForSelector('#notice[hidden]', { timeout: 1000 });
}

/* Killed, so that it says nothing. */
async function server_dies(page, group, server) {
	await page.bringToFront();
	await page.evaluate(() => window.sluice.chat.rename('Ann'));
	await page.waitForFunction(() => window.sluice.chat.name === 'Ann', { timeout: 5000, polling: 50 });
	await server.end('SIGKILL');
	const began = Date.now();
	await stale(page, 5000);
	const noticed = Date.now() - began;
	await page.waitForSelector('#notice:not([hidden])', { timeout: 1000 });
	await check_no_old_numbers(page, false);
	await in_state(page, 'connection-state', 'waiting', 6000);
	assert.match(await page.$eval('#error', e => e.textContent), /does not answer/);
	await check_no_old_numbers(page, true);
	await look(page, group, 'server gone');
	assert.ok(noticed < 3000, `noticed after ${noticed} ms`);
	return `noticed after ${noticed} ms`;
}

async function server_returns(pages, server) {
	await server.start();
	for (const page of pages) {
		await page.bringToFront();
		await in_state(page, 'connection-state', 'connected', 35000);
		await not_stale(page, 1000);
		await page.waitForFunction(() => /GCM/.test(document.querySelector('#fact-cipher').textContent), { timeout: 5000, polling: 50 });
		await page.waitForSelector('#notice[hidden]', { timeout: 1000 });
	}
	await pages[0].waitForFunction(() => window.sluice.chat.name === 'Ann', { timeout: 5000, polling: 50 });
	await pages[0].waitForSelector('[data-testid="server-file"]', { timeout: 5000 });
	await say(pages[0], 'chat', 'back again');
	await appears(pages[0], '[data-testid="chat-line"]', 'back again');
}

/* It says goodbye: seen at once. The user may have enough of waiting. */
async function server_ends(page, server) {
	await page.bringToFront();
	await server.end('SIGTERM');
	await in_state(page, 'connection-state', 'waiting', 2000);
	assert.match(await page.$eval('#error', e => e.textContent), /ended the connection|does not answer/);
	await check_no_old_numbers(page, true);
	await click(page, 'disconnect');
	await in_state(page, 'connection-state', 'closed', 1000);
	await server.start();
	await stays_in(page, 'connection-state', 'closed', 2500);
	await click(page, 'connect');
	await in_state(page, 'connection-state', 'connected');
}

export async function demo_cases(group, browser, server) {
	const page = await open(browser, server.url);
	const other = await open(browser, server.url);
	let name;
	await test(group, 'nothing overlaps or is cut off before there is a connection', () => look(page, group, 'idle'));
	if (!await test(group, 'connect', async () => {
		for (const p of [page, other]) {
			await click(p, 'connect');
			await in_state(p, 'connection-state', 'connected');
		}
		return `opened after ${await page.evaluate(() => Math.round(window.sluice.openedAfter))} ms`;
	}, true))
		return;
	await test(group, 'an echo comes back', async () => {
		await say(page, 'echo', 'grüß dich');
		await appears(page, '[data-testid="echo-line"]', 'grüß dich');
	});
	await test(group, 'two people chat', async () => {
		await say(page, 'chat', 'hello from one');
		await appears(other, '[data-testid="chat-line"]', 'hello from one');
		await say(other, 'chat', 'hello from two');
		await appears(page, '[data-testid="chat-line"]', 'hello from two');
	});
	await page.bringToFront();
	await test(group, 'throughput down', () => throughput(page, 'down'));
	await test(group, 'throughput up', () => throughput(page, 'up'));
	await test(group, 'a file goes up', async () => {
		name = await upload(page, server.folder);
	});
	await test(group, 'the file comes down', () => download(page, name, server.folder));
	await test(group, 'ICE restart', async () => {
		await click(page, 'restart-ice');
		await say(page, 'echo', 'behind the restart');
		await appears(page, '[data-testid="echo-line"]', 'behind the restart');
	});
	await test(group, 'statistics and graphs are there', async () => {
		const seen = await page.evaluate(() => ({
			path: document.querySelector('#fact-path').textContent,
			cipher: document.querySelector('#fact-cipher').textContent,
			samples: window.sluice.samples.length,
			median: document.querySelector('#ping-median').textContent,
		}));
		assert.match(seen.path, /10\.99\.0\.2|host/);
		assert.match(seen.cipher, /GCM/);
		assert.ok(seen.samples > 3, `${seen.samples} samples`);
		assert.match(seen.median, /ms/);
	});
	await test(group, 'few round trips have a slowest one, but no percentile', async () => {
		const seen = await page.evaluate(() => ({
			count: window.sluice.rtt.count,
			p99: document.querySelector('#ping-p99-fact').hidden,
			text: document.querySelector('#ping-count').textContent,
		}));
		assert.ok(seen.count < 100, `${seen.count}`);
		assert.ok(seen.p99, 'no percentile');
		assert.match(seen.text, /^\d+ round trips?$/);
	});
	await test(group, 'what the page asks for itself is no goodput', () => goodput_at_rest(page));
	await test(group, 'nothing overlaps or is cut off, from a phone to a wide screen', async () => {
		await fill_lists(page, other);
		const end = await show_long_numbers(page);
		await look(page, group, 'connected');
		await end();
	});
	await test(group, 'the server stops for a moment', () =>
		silence(page, () => server.signal('SIGSTOP'), 3000, () => server.signal('SIGCONT'), 'Nothing comes'));
	await test(group, 'the path is dead for a moment, and the server lives', () =>
		silence(page, server.block, 5000, server.unblock, 'The server lives'));
	await test(group, 'the server dies: said at once, and no old numbers', () => server_dies(page, group, server));
	await test(group, 'the server returns: connected again by itself', () => server_returns([page, other], server));
	await test(group, 'the server ends in order, and the reader stops the waiting', () => server_ends(page, server));
	await test(group, 'disconnect and connect again', async () => {
		await click(page, 'disconnect');
		await page.waitForSelector('#connect:not([hidden])', { timeout: 10000 });
		await click(page, 'connect');
		await in_state(page, 'connection-state', 'connected');
	});
}
