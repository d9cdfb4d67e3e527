/* pair: two processes, a peer connection each, and the work that every stack in bench/peers does, for stacks that JavaScript
 * can call.
 *
 *   node STACK.mjs bulk SIZE SECONDS [unreliable]     as many messages as the channel takes
 *   node STACK.mjs ping SIZE SECONDS                  one message there and back, then the next
 *   node STACK.mjs open COUNT                         from the first call to an open channel, connection by connection
 *
 * It prints one line of JSON (see bench/peers/README.md). A stack gives peer(): see adapter.d below. The offerer sends; the
 * answerer is a process of its own, because JavaScript has one thread for each process. Descriptions are passed by the pipe
 * between the two, with all candidates in them.
 *
 * adapter = {stack, version, peer()}; peer() = {
 *   channel(options) -> channel           before the offer; options {ordered, maxRetransmits}
 *   offer() -> Promise<sdp>, answer(sdp) -> Promise<sdp>, accept(sdp) -> Promise
 *   on_channel(f), close()
 * }; channel = {on_open(f), on_message(f), send(bytes), buffered(), on_low(bytes, f), max()} */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/* What an app keeps queued: enough for the path, not more than a page would. */
const HIGH = 1 << 20, LOW = HIGH >> 1;

const now = () => Number(process.hrtime.bigint()) / 1e6;

function percentile(sorted, share) {
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/* The answerer: counts, or sends back, and tells its parent what came. */
function answer(adapter, mode) {
	let peer, first = 0, last = 0, received = 0, bytes = 0;
	process.on('message', async ({ offer, done }) => {
		if (done) {
			process.send({ received, bytes, seconds: (last - first) / 1000 });
			peer.close();
			setTimeout(() => process.exit(0), 50);
			return;
		}
		[first, last, received, bytes] = [0, 0, 0, 0];
		peer?.close();
		peer = adapter.peer();
		peer.on_channel(channel => channel.on_message(data => {
			if (mode === 'ping')
				channel.send(data);
			last = now();
			first ||= last;
			received++;
			bytes += data.byteLength ?? data.length;
		}));
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

/* Sends while the channel has room, then waits for its event. Yields to the loop now and then: that is where packets move. */
async function bulk(channel, size, seconds) {
	const data = Buffer.alloc(size, 0x5a), end = now() + seconds * 1000;
	let sent = 0;
	while (now() < end) {
		for (let i = 0; i < 64 && channel.buffered() < HIGH; i++, sent++)
			channel.send(data);
		if (channel.buffered() >= HIGH)
			await new Promise(resolve => {
				const late = setTimeout(resolve, 100); /* some stacks lose the event */
				channel.on_low(LOW, () => (clearTimeout(late), resolve()));
			});
		else
			await new Promise(setImmediate);
	}
	/* What is queued still arrives; what does not within two seconds was lost. */
	for (let i = 0; i < 20 && channel.buffered() > 0; i++)
		await new Promise(resolve => setTimeout(resolve, 100));
	return sent;
}

function ping(channel, size, seconds) {
	const data = Buffer.alloc(size, 0x5a), end = now() + seconds * 1000, trips = [];
	let sent_at;
	return new Promise(resolve => {
		channel.on_message(() => {
			const at = now();
			trips.push(at - sent_at);
			if (at > end)
				return resolve(trips.sort((a, b) => a - b));
			sent_at = now();
			channel.send(data);
		});
		sent_at = now();
		channel.send(data);
	});
}

async function offer(adapter, mode, size, seconds, unreliable) {
	const child = fork(fileURLToPath(new URL(process.argv[1], 'file://')), [...process.argv.slice(2), '--answer']);
	const said = { stack: adapter.stack, version: adapter.version, mode };
	if (mode === 'open') {
		const times = [];
		for (let i = 0; i < size; i++) {
			const begin = now();
			const { peer } = await connect(adapter, child, {});
			times.push(now() - begin);
			peer.close();
		}
		times.sort((a, b) => a - b);
		Object.assign(said, { count: size, median_ms: percentile(times, 0.5), worst_ms: times.at(-1) });
	} else {
		const { channel } = await connect(adapter, child, unreliable ? { ordered: false, maxRetransmits: 0 } : {});
		if (mode === 'ping') {
			const trips = await ping(channel, size, seconds);
			Object.assign(said, { size, count: trips.length, p50_us: percentile(trips, 0.5) * 1000, p99_us: percentile(trips, 0.99) * 1000,
				p999_us: percentile(trips, 0.999) * 1000 });
		} else {
			const sent = await bulk(channel, size, seconds);
			const counted = next_message(child);
			child.send({ done: true });
			const came = await counted;
			Object.assign(said, { size, reliable: !unreliable, sent, received: came.received, bytes: came.bytes, seconds: came.seconds });
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

/* A peer of a stack that has the browsers' API. */
export function w3c(make) {
	const wrap = channel => {
		channel.binaryType = 'arraybuffer';
		return {
			on_open: f => { channel.readyState === 'open' ? f() : channel.onopen = f; },
			on_message: f => { channel.onmessage = event => f(event.data ?? event); },
			send: data => channel.send(data),
			buffered: () => channel.bufferedAmount,
			on_low: (bytes, f) => {
				channel.bufferedAmountLowThreshold = bytes;
				channel.onbufferedamountlow = () => {
					channel.onbufferedamountlow = null;
					f();
				};
			},
		};
	};
	const gathered = connection => new Promise(resolve => {
		const look = () => connection.iceGatheringState === 'complete' && resolve(connection.localDescription.sdp);
		connection.onicegatheringstatechange = look;
		connection.onicecandidate = event => event.candidate || resolve(connection.localDescription.sdp);
		look();
	});
	return () => {
		const connection = make();
		return {
			channel: options => wrap(connection.createDataChannel('peers', options)),
			on_channel: f => { connection.ondatachannel = event => f(wrap(event.channel)); },
			offer: async () => {
				await connection.setLocalDescription(await connection.createOffer());
				return gathered(connection);
			},
			answer: async sdp => {
				await connection.setRemoteDescription({ type: 'offer', sdp });
				await connection.setLocalDescription(await connection.createAnswer());
				return gathered(connection);
			},
			accept: sdp => connection.setRemoteDescription({ type: 'answer', sdp }),
			close: () => connection.close(),
		};
	};
}
