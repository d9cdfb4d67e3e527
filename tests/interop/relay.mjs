/* relay: through coturn alone, by UDP, TCP and TLS to the server. */
import assert from 'node:assert/strict';
import { connect } from './connect.mjs';
import { transfer } from './cases.mjs';
import { test } from './report.mjs';

export async function relay_case(group, first, second, kind, turn) {
	/* Candidates one by one: Chromium also asks from 127.0.0.1, which nobody answers, and is done late. */
	await test(group, `relay only, ${kind} to the server`, async () => {
		const options = { relayOnly: true, iceServers: [turn.servers[kind]] };
		await connect(first, second, { trickle: true, offerer_options: options, answerer_options: options });
		for (const end of [first, second]) {
			const pair = await end.call('pair');
			assert.equal(pair.local?.type, 'relay', `${end.name}'s own candidate`);
		}
		await transfer(first, second, 'there', { count: 160, size: 65536 });
		await transfer(second, first, 'back', { count: 160, size: 65536 });
	});
}
