/* watch: "Video" of the page of `sluice serve` and the watch page of its room, used as two people use them, and what they look
 * like. The camera is the browser's own false one (the browser is started with it, see browsers.mjs). */
import assert from 'node:assert/strict';
import { test } from './report.mjs';

const in_state = (page, id, state, ms = 15000) => page.waitForSelector(`#${id}[data-state="${state}"]`, { timeout: ms });

/* The watch page's picture moves on. */
const plays = (page, ms = 10000) => page.waitForFunction(
	/* eslint-disable-next-line no-undef */
	() => document.getElementById('watch-picture').currentTime > 1 && window.sluice.samples.at(-1)?.fps > 5, { timeout: ms });

async function open(browser, url) {
	const page = await browser.newPage();
	await page.setViewport({ width: 1280, height: 1900 });
	await page.goto(url);
	return page;
}

/* Two presses; then the room's link. A page behind another one takes no presses. */
async function publish(page) {
	await page.bringToFront();
	await page.click('#video-open');
	await page.click('#video-camera');
	await in_state(page, 'video-state', 'live');
	return page.$eval('#video-link', link => link.href);
}

/* A page behind another one is painted late. */
async function picture_of(page, name) {
	await page.bringToFront();
	await page.screenshot({ path: `${process.env.INTEROP_OUT}/interop/${name}.png`, fullPage: true });
}

export async function watch_cases(group, browser, url) {
	await test(group, 'a camera is published with two presses, and a watch page plays it', async () => {
		const page = await open(browser, `${url}?manual`);
		const watcher = await open(browser, await publish(page));
		try {
			await in_state(watcher, 'watch-state', 'playing');
			await plays(watcher);
			await picture_of(watcher, `${group}-watch`.replaceAll(' ', '-'));
			await picture_of(page, `${group}-publish`.replaceAll(' ', '-'));
		} finally {
			await watcher.close();
			await page.close();
		}
	});

	await test(group, 'a room that is taken, and one where nobody is, are said in a sentence', async () => {
		const page = await open(browser, `${url}?manual`), other = await open(browser, `${url}?manual`);
		const watcher = await open(browser, `${url}watch/nobody-is-here`);
		try {
			const room = (await publish(page)).split('/').pop();
			await other.bringToFront();
			await other.$eval('#video-room', (input, name) => { input.value = name; }, room);
			await other.click('#video-open');
			await other.click('#video-camera');
			await in_state(other, 'video-state', 'failed');
			assert.match(await other.$eval('#video-error', e => e.textContent), /^This room is taken/);
			await in_state(watcher, 'watch-state', 'waiting');
			assert.match(await watcher.$eval('#watch-error', e => e.textContent), /^Nobody publishes in this room now\. Trying again/);
		} finally {
			for (const one of [page, other, watcher])
				await one.close();
		}
	});

	await test(group, 'a watcher goes on when the publisher comes again', async () => {
		const page = await open(browser, `${url}?manual`);
		const watcher = await open(browser, await publish(page));
		try {
			await in_state(watcher, 'watch-state', 'playing');
			await page.bringToFront();
			await page.click('#video-stop');
			await page.click('#video-camera');
			await in_state(page, 'video-state', 'live');
			await watcher.bringToFront();
			const before = await watcher.evaluate(() => window.sluice.samples.at(-1)?.frames ?? 0);
			await watcher.waitForFunction(n => window.sluice.samples.at(-1)?.frames > n + 60, { timeout: 20000 }, before);
		} finally {
			await watcher.close();
			await page.close();
		}
	});
}
