/* demo: the page of `sluice serve`, used as a person uses it, and what it then looks like. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from './report.mjs';
import { service } from './services.mjs';

const sha256 = data => createHash('sha256').update(data).digest('hex');

/* `sluice serve` with a folder for its files, in the namespace, on its address. */
export async function serve(netns, address) {
	const folder = await mkdtemp(join(tmpdir(), 'sluice-serve-'));
	const server = service('sluice serve', [`${process.env.INTEROP_OUT}/sluice`, 'serve', '--http', `${address}:8080`, '--files', folder],
		netns, /udp/);
	await server.ready;
	return {
		url: `http://${address}:8080/`,
		folder,
		stop: async () => {
			await server.stop();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

async function open(browser, url) {
	const page = await browser.newPage();
	await page.setViewport({ width: 1200, height: 1500 });
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

export async function demo_cases(group, browser, server) {
	const page = await open(browser, server.url);
	const other = await open(browser, server.url);
	let name;
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
	await test(group, 'screenshot', async () => {
		const path = `${process.env.INTEROP_OUT}/interop/${group.replaceAll(' ', '-')}.png`;
		await page.screenshot({ path });
		return path;
	});
	await test(group, 'disconnect and connect again', async () => {
		await click(page, 'disconnect');
		await page.waitForSelector('#connect:not([hidden])', { timeout: 10000 });
		await click(page, 'connect');
		await in_state(page, 'connection-state', 'connected');
	});
}
