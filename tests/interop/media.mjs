/* media: what a pair of ends has to be able to do with audio and video. `page` is a browser, `peer` our end; who offers is said
 * by each case. Pictures carry their number (page_media.js, frames.py), so that a case sees the right ones, moving and in order. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { there_and_back } from './cases.mjs';
import { negotiate } from './connect.mjs';
import { group_wanted, test } from './report.mjs';
import { loss } from './services.mjs';

const FRAMES = fileURLToPath(new URL('frames.py', import.meta.url));
const run = promisify(execFile);

/* What each side sends: the page's pictures are of source 1, and so are those of the files. */
const video = (codec, more) => ({ kind: 'video', codec, source: 1, ...more });
const audio = more => ({ kind: 'audio', source: 1, ...more });

/* A connection with these sections, offered by `first`. Both sides send unless `there` or `here` says otherwise. */
export async function connect_media(first, second, sections, { here = {}, there = {}, data = false, trickle = true } = {}) {
	for (const end of [first, second])
		await end.call('new', { trickle });
	for (const section of sections)
		await first.call('add', { ...section, ...here });
	if (data)
		await first.call('open', { name: 'start' });
	const said = await negotiate(first, second, { trickle, take: sections.map(s => ({ ...s, rids: undefined, ...there })) });
	if (data)
		await Promise.all([first, second].map(end => end.call('opened', { name: 'start' })));
	said.check();
	return said;
}

/* So many more pictures, in order, and all but the first readable: its bits are few. Browsers may present one twice. */
export async function watch(end, name = 'video', { frames = 15, source, unreadable = 1, backwards = 0 } = {}) {
	const seen = await end.call('watch', { name, frames, source }).catch(async e => {
		const { inbound } = await end.call('media_stats', { name }).catch(() => ({}));
		throw new Error(`${e.message} of ${name}: ${JSON.stringify(inbound)?.slice(0, 600)}`);
	});
	assert.ok((seen.unreadable ?? 0) <= unreadable, `${seen.unreadable} of ${seen.shown} pictures at ${end.name} cannot be read`);
	assert.ok((seen.backwards ?? 0) <= backwards, `pictures at ${end.name} go backwards ${seen.backwards} times`);
	return seen;
}

const watch_both = (x, y, names, how) => Promise.all(names.flatMap(name => [watch(x, name, how), watch(y, name, how)]));

/* Waits until the statistics of a line fulfil something. */
async function stats_until(end, name, what, fulfilled, ms = 8000) {
	for (const late = Date.now() + ms; ;) {
		const stats = await end.call('media_stats', { name });
		if (fulfilled(stats))
			return stats;
		assert.ok(Date.now() < late, `${end.name}: ${what}: ${JSON.stringify({ in: stats.inbound, out: stats.outbound }).slice(0, 1500)}`);
		await new Promise(resolve => {
			setTimeout(resolve, 100);
		});
	}
}

const codec_of = list => list[0]?.codec?.toUpperCase();

/* ---- the cases ---- */

/* Audio, video and data in one BUNDLE, each way. */
async function all_in_one(first, second, codec) {
	const { offer, answer } = await connect_media(first, second, [audio(), video(codec)], { data: true });
	const seen = await watch_both(first, second, ['video', 'audio']);
	await there_and_back(first, second, 'start', { text: 'beside media' });
	for (const end of [first, second]) {
		const stats = await stats_until(end, 'video', 'streams each way', s => s.inbound.length === 1 && s.outbound.length === 1);
		assert.equal(codec_of(stats.inbound), codec, `${end.name} receives`);
		assert.equal(codec_of(stats.outbound), codec, `${end.name} sends`);
	}
	assert.equal(offer.sdp.match(/^m=/gm).length, 3, 'sections');
	assert.match(answer.sdp, /a=group:BUNDLE \S+ \S+ \S+\r/, 'one BUNDLE');
	const [here, there] = seen.map(s => (s.first_at - offer.started).toFixed(0));
	return `first picture at ${first.name} after ${here} ms, at ${second.name} after ${there} ms`;
}

/* What the page sends comes back to it, as packets or as frames. */
async function echo(page, peer, first, codec, how) {
	const [second, sections] = [first === page ? peer : page, [audio({ how }), video(codec, { how })]];
	await connect_media(first, second, sections);
	const seen = await watch(page, 'video', { frames: 30 });
	await watch(page, 'audio');
	assert.deepEqual(seen.sources, [1], 'whose pictures');
	const { inbound } = await page.call('media_stats', { name: 'video' });
	assert.equal(inbound[0].packetsLost, 0, 'packets lost');
	assert.equal(inbound[0].keyFramesDecoded >= 1, true, 'keyframes');
}

/* One section, one way. */
async function one_way(sender, receiver, first, codec) {
	const second = first === sender ? receiver : sender;
	const of = end => ({ direction: end === sender ? 'sendonly' : 'recvonly' });
	await connect_media(first, second, [video(codec)], { here: of(first), there: of(second) });
	await watch(receiver);
	const { list } = await receiver.call('transceivers');
	assert.equal(list[0].current, 'recvonly', 'the direction at the receiver');
}

/* ffmpeg decodes what our end wrote: every frame, in order, without an error. At the same time the packets go back to the page. */
async function echo_and_record(page, peer, codec) {
	const file = `/tmp/sluice-interop-${process.pid}-${codec}.ivf`;
	await echo(page, peer, page, codec, 'echo');
	await peer.call('record', { name: 'video', file });
	await peer.call('keyframe', { name: 'video' });
	await watch(page, 'video', { frames: 45 });
	const { frames } = await peer.call('record', { name: 'video' });
	const read = JSON.parse((await run('/usr/bin/python3', [FRAMES, 'read', file])).stdout);
	await rm(file);
	assert.equal(read.errors, '', 'what ffmpeg says');
	assert.equal(read.packets, frames, 'frames in the file');
	assert.equal(read.frames, frames, 'frames that ffmpeg decoded');
	assert.ok(frames >= 30, `${frames} frames`);
	assert.deepEqual(read.sources, [1], 'whose pictures');
	const steps = read.numbers.slice(1).map((n, i) => n - read.numbers[i]);
	assert.ok(steps.every(s => s >= 1), `numbers rise: ${read.numbers}`);
	return `${frames} frames`;
}

async function keyframes(page, peer, codec) {
	await connect_media(page, peer, [video(codec)]);
	await watch_both(page, peer, ['video']);
	const { keyframes: before } = await watch(peer);
	await peer.call('keyframe', { name: 'video' });
	await stats_until(peer, 'video', 'a keyframe by request', s => s.keyframes > before);
	const { outbound } = await page.call('media_stats', { name: 'video' });
	assert.ok(outbound[0].pliCount + outbound[0].firCount >= 1, 'requests that came');
}

/* One packet in twenty is lost each way: repairs keep the pictures moving, and the page asks for keyframes where they do not. */
async function with_loss(page, peer, namespaces, codec) {
	await connect_media(page, peer, [audio(), video(codec)]);
	await watch_both(page, peer, ['video', 'audio']);
	const end_of_loss = loss(namespaces, 20);
	try {
		await Promise.all([watch(page, 'video', { frames: 75, unreadable: 10 }), watch(peer, 'video', { frames: 75 })]);
		await stats_until(page, 'video', 'repairs', s => s.inbound[0].nackCount > 0 && s.outbound[0].nackCount > 0 &&
			s.outbound[0].retransmittedPacketsSent > 0 && s.inbound[0].retransmittedPacketsReceived !== 0);
		await stats_until(peer, 'video', 'repairs', s => s.outbound[0].retransmittedPacketsSent > 0 &&
			s.inbound[0].retransmittedPacketsReceived > 0);
	} finally {
		end_of_loss();
	}
	const [theirs, ours] = await Promise.all([page, peer].map(end => end.call('media_stats', { name: 'video' })));
	await watch(page, 'video', { frames: 15, unreadable: 10 });
	return `NACKs ${theirs.inbound[0].nackCount} and ${ours.inbound[0].nackCount}, PLIs ${theirs.inbound[0].pliCount} and ${ours.inbound[0].pliCount}`;
}

/* Nothing is sent for a while, without a negotiation. */
async function mute(page, peer) {
	await connect_media(page, peer, [audio(), video('VP8')]);
	await watch_both(page, peer, ['video', 'audio']);
	for (const [from, to] of [[page, peer], [peer, page]]) {
		for (const name of ['video', 'audio'])
			await from.call('replace', { name, source: null });
		await to.call('during', { name: 'video', ms: 500 });
		const { shown } = await to.call('during', { name: 'video', ms: 700 });
		assert.ok(shown <= 1, `${shown} pictures at ${to.name} while ${from.name} is mute`);
		for (const name of ['video', 'audio'])
			await from.call('replace', { name, source: 2 - (name === 'audio') });
		await watch(to, 'video', to === page ? { source: 2 } : {});
		await watch(to, 'audio');
	}
}

/* The same with a negotiation. */
async function change_direction(page, peer) {
	await connect_media(page, peer, [audio(), video('VP8')]);
	await watch_both(page, peer, ['video']);
	for (const [from, to] of [[page, peer], [peer, page]]) {
		await from.call('direction', { name: 'video', direction: 'recvonly' });
		await negotiate(from, to, { trickle: true });
		await to.call('muted', { name: 'video', muted: true });
		await watch(from);
		await from.call('direction', { name: 'video', direction: 'sendrecv' });
		await negotiate(from, to, { trickle: true });
		/* A file begins again. */
		await watch(to, 'video', { backwards: 1 });
		await to.call('muted', { name: 'video', muted: false });
	}
}

/* Sections come and go while others carry on; a stopped one is used again. */
async function add_and_remove(first, second) {
	await connect_media(first, second, [audio()], { data: true });
	await watch_both(first, second, ['audio']);
	const sections = [];
	for (const [i, adder] of [first, second, first].entries()) {
		const other = adder === first ? second : first;
		const name = `video ${i}`;
		await adder.call('add', video('VP8', { name }));
		const { offer } = await negotiate(adder, other, { trickle: true, take: [video('VP8', { name })] });
		sections.push(offer.sdp.match(/^m=/gm).length);
		await watch_both(first, second, [name, 'audio'], { frames: 8 });
		await adder.call('stop', { name });
		await negotiate(adder, other, { trickle: true });
		await watch_both(first, second, ['audio']);
	}
	assert.deepEqual(sections, [3, 3, 3], 'a stopped section is used again');
	await there_and_back(first, second, 'start', { text: 'still here' });
}

async function replace(page, peer) {
	await connect_media(page, peer, [video('VP8')]);
	await watch_both(page, peer, ['video']);
	await peer.call('replace', { name: 'video', source: 2 });
	const seen = await watch(page, 'video', { source: 2 });
	assert.deepEqual(seen.sources, [1, 2], 'whose pictures');
	await page.call('replace', { name: 'video', source: 3 });
	await watch(peer, 'video', { frames: 30 });
}

async function restart(first, second) {
	await connect_media(first, second, [audio(), video('VP8')]);
	await watch_both(first, second, ['video']);
	await negotiate(first, second, { restart: true });
	await watch_both(first, second, ['video', 'audio']);
}

/* Three layers come, which Chromium sends of pictures of 960x540 and more; our end sends one of them back, and another one when asked. */
async function simulcast(page, peer) {
	const section = video('VP8', { rids: ['q', 'h', 'f'], width: 960, height: 540 });
	await connect_media(page, peer, [section], { there: { how: 'echo' } });
	await stats_until(peer, 'video', 'three layers', s => s.inbound.filter(i => i.packetsReceived > 0).length === 3, 15000);
	for (const [layer, size] of [[0, '240x135'], [2, '960x540'], [1, '480x270'], [0, '240x135']]) {
		await peer.call('layer', { name: 'video', layer });
		for (const late = Date.now() + 10000; ;) {
			const { sizes } = await watch(page, 'video', { frames: 5, unreadable: 5, backwards: 5 });
			if (sizes.at(-1) === size)
				break;
			assert.ok(Date.now() < late, `layer ${layer}: ${size}, not ${sizes}`);
		}
	}
}

/* ---- for one browser ---- */

/* options: codecs; namespaces: those of both ends; cipher: of SRTP, as the page names it. */
export async function media_cases(group, page, peer, { codecs, namespaces, cipher, screenshot }) {
	if (!group_wanted(group))
		return;
	const t = (name, body) => test(group, name, body);
	for (const [first, second] of [[page, peer], [peer, page]]) {
		for (const codec of codecs)
			await t(`${first.name} offers audio, ${codec} and data`, () => all_in_one(first, second, codec));
	}
	for (const codec of codecs)
		await t(`${codec} echoed as packets and written to a file`, () => echo_and_record(page, peer, codec));
	await t('VP8 echoed as frames, our offer', () => echo(page, peer, peer, 'VP8', 'frames'));
	await t('only from the page, our offer', () => one_way(page, peer, peer, 'VP8'));
	await t('only to the page, its offer', () => one_way(peer, page, page, 'VP8'));
	await t('a keyframe when we ask', () => keyframes(page, peer, 'VP8'));
	await t('loss of 5 %: NACK and RTX', () => with_loss(page, peer, namespaces, 'VP8'));
	await t('mute and unmute', () => mute(page, peer));
	await t('mute and unmute by direction', () => change_direction(page, peer));
	for (const [first, second] of [[page, peer], [peer, page]]) {
		await t(`sections added and removed, ${first.name} first`, () => add_and_remove(first, second));
		await t(`ICE restart by ${first.name}`, () => restart(first, second));
	}
	await t('replace', () => replace(page, peer));
	await t('simulcast, three layers', () => simulcast(page, peer));
	await t('SRTP profile and a picture of the page', async () => {
		await connect_media(page, peer, [audio(), video('VP8')]);
		await watch_both(page, peer, ['video']);
		const { transport } = await page.call('media_stats', { name: 'video' });
		assert.match(transport.srtpCipher, cipher);
		await page.page.screenshot({ path: screenshot });
		return `${transport.srtpCipher}, ${screenshot}`;
	});
}

/* Browsers beside each other, which shows that what the cases above find is not of the page's making. */
export async function baseline_cases(group, first, second, codecs) {
	for (const codec of codecs)
		await test(group, `audio, ${codec} and data`, () => all_in_one(first, second, codec));
	await test(group, 'sections added and removed', () => add_and_remove(first, second));
	/* Firefox 153 receives nothing behind a restart that Chromium began. */
	await test(group, `ICE restart by ${second.name}`, () => restart(second, first));
}

/* Another stack, both ways, in both roles. offers_one: its offer with two sections breaks the rules of BUNDLE. repairs: its count
 * of pictures suffers from what it repairs. */
export async function stack_cases(group, start, peer, { codecs, offers_one = false, repairs = true }) {
	if (!group_wanted(group))
		return;
	const stack = start();
	for (const codec of codecs) {
		await test(group, `it answers audio and ${codec}`, async () => {
			await connect_media(peer, stack, [audio(), video(codec)], { trickle: false });
			await watch_both(peer, stack, ['video', 'audio'], repairs ? {} : { unreadable: 15 });
		});
		await test(group, `it offers ${offers_one ? '' : 'audio and '}${codec}`, async () => {
			await connect_media(stack, peer, [...offers_one ? [] : [audio()], video(codec)], { trickle: false });
			await watch_both(peer, stack, offers_one ? ['video'] : ['video', 'audio'], repairs ? {} : { unreadable: 15 });
		});
	}
	await test(group, 'it ends in order', async () => {
		await stack.call('end');
		await stack.stop();
	}, true);
}
