/* echo: ends that only echo. `sluice echo --stdio`, aiortc and pion are told the same way: a description each on stdin and
 * stdout; whoever offers opens the channel. The other end is a page or our peer, which does the talking. */
import assert from 'node:assert/strict';
import { Lines, within } from './ends.mjs';
import { test } from './report.mjs';

/* Starts the process and joins it with the end. Returns it and the name of the channel. */
async function join(name, argv, { where, options = {} }, end, offers) {
	const lines = new Lines(name, [...argv, offers ? '--offer' : '--answer'], where);
	/* Before anything is awaited: it may speak at once. */
	const said = within(20000, `${name}'s description`, new Promise((resolve, reject) => {
		lines.on_line = line => line.sdp && resolve(line);
		lines.on_end = () => reject(new Error(lines.epitaph()));
	}));
	said.catch(() => {});
	try {
		await end.call('new', options);
		if (offers) {
			const offer = await said;
			assert.equal(offer.type, 'offer');
			const { sdp } = await end.call('answer', { sdp: offer.sdp });
			lines.write({ type: 'answer', sdp });
		} else {
			await end.call('open', { name: 'start' });
			const { sdp } = await end.call('offer');
			lines.write({ type: 'offer', sdp });
			const answer = await said;
			assert.equal(answer.type, 'answer');
			await end.call('accept', { sdp: answer.sdp });
		}
		const channel = offers ? 'echo' : 'start';
		await end.call('opened', { name: channel });
		return { lines, channel };
	} catch (e) {
		await lines.kill();
		throw lines.stderr && !e.message.includes('is gone') ? new Error(`${e.message} (${lines.stderr.trim().split('\n').slice(-4).join(' | ')})`) : e;
	}
}

async function same_comes_back(end, name, messages, what) {
	for (const message of messages) {
		const sent = await end.call('send', { name, ...message });
		const got = await end.call('take', { name });
		for (const key of ['text', 'binary', 'size', 'sha256'])
			assert.deepEqual(got[key], sent[key], `${what} came back`);
	}
}

async function bulk_comes_back(end, name, bulk) {
	await end.call('open', { name });
	await end.call('opened', { name });
	await end.call('mode', { name, mode: 'sink' });
	const [sent, got] = await Promise.all([end.call('bulk', { name, ...bulk }, 60000), end.call('received', { name, count: bulk.count }, 60000)]);
	assert.equal(got.sha256, sent.sha256, 'SHA-256 over all messages in order');
	assert.equal(got.count, bulk.count);
}

/* largest: the most bytes of a message that the other stack takes. empty: it can echo messages of no bytes. where: its network
 * namespace. options: of the end's connection. */
export async function echo_cases(group, argv, end, how = {}) {
	const { largest = 65536, empty = true } = how;
	for (const offers of [false, true]) {
		await test(group, `${offers ? 'it offers' : 'it answers'}, and echoes`, async () => {
			const { lines, channel } = await join(group, argv, how, end, offers);
			try {
				const texts = [{ text: 'grüß dich, 水門 🚪' }, { binary: '00ff10' }, { text: 'x' }];
				await same_comes_back(end, channel, empty ? [...texts, { text: '' }, { binary: '' }] : texts, 'a small message');
				await same_comes_back(end, channel, [1, 1200, 16384, largest - 1, largest].map(size => ({ size })), 'a message');
				await bulk_comes_back(end, 'numbers', { count: 1000, numbered: true });
				await bulk_comes_back(end, 'bulk', { count: 640, size: Math.min(largest, 16384) });
				await end.call('open', { name: 'unordered', ordered: false, maxRetransmits: 5 });
				await end.call('opened', { name: 'unordered' });
				await same_comes_back(end, 'unordered', [{ text: 'unordered' }], 'a message');
				await lines.finish();
			} finally {
				await lines.kill();
			}
		});
	}
}
