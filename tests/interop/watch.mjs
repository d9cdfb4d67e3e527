/* watch: "Video" of the page of `sluice serve` and the watch page of its room, used as two people use them, and what they look
 * like. The camera is the browser's own false one (the browser is started with it, see browsers.mjs).
 *
 * What is waited for comes sooner or later: the waits end cases that hang, and bound no speed. */
import assert from 'node:assert/strict';
import { test } from './report.mjs';

const LONG = 180000; /* ms */

const in_state = (page, id, state) => page.waitForSelector(`#${id}[data-state="${state}"]`, { timeout: LONG });

/* Pictures that were decoded so far, as the page's own statistics say. */
const frames_of = page => page.evaluate(() => window.sluice.samples.at(-1)?.frames ?? 0);

/* The watch page's picture moves on by so many frames. */
async function plays(page, frames) {
	const before = await frames_of(page);
	await page.waitForFunction(n => window.sluice.samples.at(-1)?.frames > n, { timeout: LONG, polling: 100 }, before + frames);
}

const label = (page, id) => page.$eval(`#${id}`, canvas => canvas.getAttribute('aria-label'));

/* Each of these graphs has a newest value in all its lines. */
const draws = (page, prefix, graphs) => page.waitForFunction(
	/* eslint-disable-next-line no-undef */
	ids => ids.every(id => / \d[^–]*$/.test(document.getElementById(id).getAttribute('aria-label'))), { timeout: LONG, polling: 100 },
	graphs.map(name => `${prefix}-plot-${name}`));

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
			await plays(watcher, 60);
			await draws(watcher, 'watch', ['rate', 'loss', 'rtt', 'buffer']);
			await draws(page, 'video', ['rate', 'loss', 'rtt', ...(group.includes('chromium') ? ['estimate'] : [])]);
			if (group.includes('firefox'))
				assert.match(await label(page, 'video-plot-estimate'), /^Estimate: path –, encoder –$/);
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
			await plays(watcher, 60);
		} finally {
			await watcher.close();
			await page.close();
		}
	});
}
