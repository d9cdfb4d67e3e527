/* pair: two processes, a peer each, and the work that every stack in bench/peers does, for stacks that JavaScript can call.
 *
 *   node STACK.mjs bulk SIZE SECONDS [unreliable]     as many messages as the channel takes
 *   node STACK.mjs ping SIZE SECONDS                  one message there and back, then the next
 *   node STACK.mjs open COUNT                         from the first call to an open channel, connection by connection
 *
 * It prints one line of JSON (see bench/peers/README.md). A stack gives {stack, version, peer()}; work.mjs says what a peer is.
 * The offerer sends; the answerer is a process of its own, because JavaScript has one thread for each process; its command begins
 * with the words of PEER_EXEC. Descriptions are passed by the pipe between the two, with all candidates in them. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bulk, counter, now, ping, said_of } from './work.mjs';

/* The answerer: counts, or sends back, and tells its parent what came. */
function answer(adapter, mode) {
	let peer, count;
	process.on('message', async ({ offer, done }) => {
		if (done) {
			process.send(count.came());
			peer.close();
			setTimeout(() => process.exit(0), 50);
			return;
		}
		peer?.close();
		peer = adapter.peer();
		count = counter(mode);
		peer.on_channel(count.take);
		process.send({ answer: await peer.answer(offer) });
	});
	process.on('disconnect', () => process.exit(0));
}

function next_message(child) {
	return new Promise((resolve, reject) => {
		child.once('message', resolve);
		child.once('exit', code => reject(new Error(`the answerer ended with ${code}`)));
	});
}

async function connect(adapter, child, options) {
	const peer = adapter.peer();
	const channel = peer.channel(options);
	const open = new Promise(resolve => channel.on_open(resolve));
	const offer = await peer.offer();
	const answered = next_message(child);
	child.send({ offer });
	await peer.accept((await answered).answer);
	await open;
	return { peer, channel };
}

function answerer() {
	const script = fileURLToPath(new URL(process.argv[1], 'file://'));
	const place = (process.env.PEER_EXEC ?? '').split(' ').filter(Boolean);
	const [program, ...words] = [...place, process.execPath, script, ...process.argv.slice(2), '--answer'];
	return spawn(program, words, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
}

async function offer(adapter, mode, size, seconds, unreliable) {
	const child = answerer();
	const said = { stack: adapter.stack, version: adapter.version, mode };
	if (mode === 'open') {
		const times = [];
		for (let i = 0; i < size; i++) {
			const begin = now();
			const { peer } = await connect(adapter, child, {});
			times.push(now() - begin);
			peer.close();
		}
		Object.assign(said, said_of.open(times));
	} else {
		const { channel } = await connect(adapter, child, unreliable ? { ordered: false, maxRetransmits: 0 } : {});
		const data = Buffer.alloc(size, 0x5a);
		if (mode === 'ping') {
			Object.assign(said, said_of.ping(size, await ping(channel, data, seconds)));
		} else {
			const sent = await bulk(channel, data, seconds, () => new Promise(setImmediate));
			const counted = next_message(child);
			child.send({ done: true });
			Object.assign(said, said_of.bulk(size, unreliable, sent, await counted));
		}
	}
	console.log(JSON.stringify(said));
	const gone = new Promise(resolve => child.once('exit', resolve));
	child.disconnect?.();
	await Promise.race([gone, new Promise(resolve => setTimeout(resolve, 3000))]);
	child.kill('SIGKILL');
	process.exit(0);
}

export async function run(adapter) {
	const [mode, size, seconds, third] = process.argv.slice(2);
	if (process.argv.includes('--answer'))
		answer(adapter, mode);
	else
		await offer(adapter, mode, Number(size), Number(seconds), third === 'unreliable');
}

/* What npm installed. A package need not export its package.json. */
export function version_of(name) {
	return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}
