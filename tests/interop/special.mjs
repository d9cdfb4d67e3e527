/* special: cases that need a browser started in another way, or that happen to one end only. */
import assert from 'node:assert/strict';
import { connect } from './connect.mjs';
import { there_and_back, transfer } from './cases.mjs';
import { test } from './report.mjs';

/* The page goes away in the middle of a transfer. Ours has to see it and to end, and the next connection has to work. */
async function reload(page, peer, page_sends) {
	await connect(page, peer, { answerer_options: { disconnectedAfter: 2000, failedAfter: 8000 } });
	const [from, to] = page_sends ? [page, peer] : [peer, page];
	await to.call('mode', { name: 'start', mode: 'count' });
	const sending = from.call('bulk', { name: 'start', count: 100000, size: 65536, hash: false }, 60000).then(() => 'sent all', e => e.message);
	await to.call('received', { name: 'start', count: 50 });
	const began = Date.now();
	await page.page.reload();
	await peer.call('closed', { name: 'start' });
	const { connection } = await peer.call('state', { any: ['closed', 'failed'] });
	const took = Date.now() - began;
	if (!page_sends)
		assert.match(await sending, /CLOSED/, 'what was being sent fails');
	await connect(page, peer);
	await there_and_back(page, peer, 'start', { text: 'again' });
	return `${connection} after ${(took / 1000).toFixed(1)} s`;
}

export async function reload_cases(group, page, peer) {
	await test(group, 'page reload while it sends', () => reload(page, peer, true));
	await test(group, 'page reload while it is sent to', () => reload(page, peer, false));
}

/* The browser tells .local names instead of addresses; so do we. */
export async function mdns_cases(group, page, peer) {
	for (const [first, second] of [[page, peer], [peer, page]]) {
		await test(group, `${first.name} offers`, async () => {
			const options = { mdns: true };
			const { offer, answer } = await connect(first, second, { offerer_options: options, answerer_options: options });
			for (const { sdp } of [offer, answer]) {
				assert.match(sdp, /a=candidate:.*\.local /, 'a .local candidate');
				assert.doesNotMatch(sdp, /a=candidate:.* 10\.99\./, 'no address');
			}
			await there_and_back(page, peer, 'start', { text: 'by name' });
		});
	}
}

/* SCTP's INITs in the descriptions, DTLS in ICE's checks. */
export async function fast_cases(group, page, peer) {
	for (const [first, second] of [[page, peer], [peer, page]]) {
		for (const options of [{ snap: true }, { sped: true }, { snap: true, sped: true }]) {
			const asked = Object.keys(options).join(' and ').toUpperCase();
			/* The browser has both switched on: it offers both whatever is asked of it. */
			if (first === page && !(options.snap && options.sped))
				continue;
			await test(group, `${first.name} offers ${asked}`, async () => {
				await connect(first, second, { trickle: true, offerer_options: options });
				const { snap, sped } = await peer.call('stats');
				assert.deepEqual({ snap, sped }, { snap: Boolean(options.snap), sped: Boolean(options.sped) }, 'what was agreed on');
				await there_and_back(page, peer, 'start', { text: 'fast' });
				await transfer(page, peer, 'there', { count: 160, size: 65536 });
				await transfer(peer, page, 'back', { count: 160, size: 65536 });
			});
		}
	}
}

/* Nothing but the statistics is asked: they have to be whole and to make sense. */
export async function statistics_case(group, page, peer) {
	await test(group, 'statistics on both sides agree', async () => {
		await connect(page, peer);
		await transfer(page, peer, 'bulk', { count: 160, size: 65536 });
		const stats = await peer.call('stats');
		for (const [before, after] of [['checking', 'ice'], ['dtls', 'sctp'], ['sctp', 'channel']])
			assert.ok(stats[before] <= stats[after], `${before} ${stats[before]} ms before ${after} ${stats[after]} ms`);
		const types = new Set(Object.values(stats.report).map(s => s.type));
		for (const type of ['transport', 'candidate-pair', 'local-candidate', 'remote-candidate', 'certificate', 'data-channel', 'peer-connection'])
			assert.ok(types.has(type), `an entry of type ${type} in ${[...types]}`);
		/* The cable carries 1,500 bytes. The browser answered the probes, and packets have grown to it. */
		const { mtu, mtuProbesSent, mtuProbesAcked, mtuBlackHoles } = stats.report.S;
		assert.ok(mtu >= 1356 && mtu <= 1428, `packets of ${mtu} bytes after ${mtuProbesAcked} answers to ${mtuProbesSent} probes`);
		assert.equal(mtuBlackHoles, 0, 'black holes');
		const ours = await peer.call('pair');
		const theirs = await page.call('pair');
		assert.equal(ours.local.port, theirs.remote.port, 'our port');
		assert.equal(ours.remote.port, theirs.local.port, 'the browser\'s port');
	});
}
