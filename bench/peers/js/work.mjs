/* work: what an end does with its channel, and peers of the browsers' API. It runs in Node and in a page.
 *
 * peer = {
 *   channel(options) -> channel           before the offer; options {ordered, maxRetransmits}
 *   offer() -> Promise<sdp>, answer(sdp) -> Promise<sdp>, accept(sdp) -> Promise
 *   on_channel(f), close()
 * }; channel = {on_open(f), on_message(f), send(bytes), buffered(), on_low(bytes, f)} */

/* What an app keeps queued: enough for the path, not more than a page would. */
const HIGH = 1 << 20, LOW = HIGH >> 1;

export const now = () => performance.now();

export function percentile(sorted, share) {
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/* An answerer's count of what came; of a ping, it sends back. */
export function counter(mode) {
	let first = 0, last = 0, received = 0, bytes = 0;
	return {
		take: channel => channel.on_message(data => {
			if (mode === 'ping')
				channel.send(data);
			last = now();
			first ||= last;
			received++;
			bytes += data.byteLength ?? data.length;
		}),
		came: () => ({ received, bytes, seconds: (last - first) / 1000 }),
	};
}

/* Sends while the channel has room, then waits for its event. Yields to the loop now and then: that is where packets move. */
export async function bulk(channel, data, seconds, turn) {
	const end = now() + seconds * 1000;
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
			await turn();
	}
	/* What is queued still arrives; what does not within two seconds was lost. */
	for (let i = 0; i < 20 && channel.buffered() > 0; i++)
		await new Promise(resolve => setTimeout(resolve, 100));
	return sent;
}

export function ping(channel, data, seconds) {
	const end = now() + seconds * 1000, trips = [];
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

/* What is said of it, by mode. */
export const said_of = {
	bulk: (size, unreliable, sent, came) => ({ size, reliable: !unreliable, sent, ...came }),
	ping: (size, trips) => ({
		size, count: trips.length, p50_us: percentile(trips, 0.5) * 1000, p99_us: percentile(trips, 0.99) * 1000,
		p999_us: percentile(trips, 0.999) * 1000,
	}),
	open: times => {
		times.sort((a, b) => a - b);
		return { count: times.length, median_ms: percentile(times, 0.5), worst_ms: times.at(-1) };
	},
};

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
