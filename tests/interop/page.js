/* page: one RTCPeerConnection, driven by commands. peer.c understands the same commands, so a test case does not care which
 * kind of end it talks to. Every command is a function of one object and gives an object; what nobody asked for goes out
 * through window.tell(). */
'use strict';

let pc = null;
let options = {};
let channels = new Map(); /* by name: ours by the name given, the other side's by label */
let watchers = []; /* conditions that somebody waits for */
let states = [];

const now = () => performance.timeOrigin + performance.now();
const hex = buffer => Array.from(new Uint8Array(buffer), b => b.toString(16).padStart(2, '0')).join('');
const bytes_of = data => typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
const sha256 = data => crypto.subtle.digest('SHA-256', bytes_of(data));
const tell = event => window.tell ? window.tell(event) : undefined;

function poke() {
	watchers = watchers.filter(w => !w());
}

function until(condition) {
	return new Promise(resolve => {
		const watch = () => {
			const value = condition();
			if (value)
				resolve(value);
			return Boolean(value);
		};
		if (!watch())
			watchers.push(watch);
	});
}

/* ---- channels: what each one received, and what it does with it ---- */

class Channel {
	constructor(dc) {
		this.dc = dc;
		this.mode = options.mode || 'keep';
		this.count = this.bytes = this.texts = 0;
		this.first = this.last = this.opened_at = 0;
		this.kept = [];
		this.digests = [];
		this.events = [];
		dc.binaryType = 'arraybuffer';
		for (const type of ['open', 'bufferedamountlow', 'error', 'closing', 'close'])
			dc.addEventListener(type, () => this.event(type));
		dc.addEventListener('message', e => this.message(e.data));
		if (dc.readyState === 'open')
			this.opened_at = now();
	}

	event(type) {
		this.events.push(type);
		if (type === 'open' && !this.opened_at)
			this.opened_at = now();
		poke();
	}

	message(data) {
		this.last = now();
		this.first = this.first || this.last;
		this.count++;
		this.bytes += typeof data === 'string' ? bytes_of(data).length : data.byteLength;
		this.texts += typeof data === 'string' ? 1 : 0;
		if (this.mode === 'echo')
			this.dc.send(data);
		else if (this.mode === 'sink')
			this.digests.push(sha256(data));
		else if (this.mode === 'keep')
			this.kept.push(data);
		poke();
	}
}

/* The SHA-256 of every message's SHA-256, in order. */
async function chain(digests) {
	const all = await Promise.all(digests);
	const joined = new Uint8Array(32 * all.length);
	all.forEach((d, i) => joined.set(new Uint8Array(d), 32 * i));
	return hex(await crypto.subtle.digest('SHA-256', joined));
}

function channel(name) {
	const ch = channels.get(name);
	if (!ch)
		throw new Error(`no channel ${name}`);
	return ch;
}

function describe(ch) {
	const d = ch.dc;
	return {
		label: d.label, protocol: d.protocol, ordered: d.ordered, maxRetransmits: d.maxRetransmits,
		maxPacketLifeTime: d.maxPacketLifeTime, negotiated: d.negotiated, id: d.id, state: d.readyState, at: ch.opened_at,
	};
}

async function describe_message(data) {
	if (typeof data === 'string')
		return data.length <= 64 ? { text: data } : { size: bytes_of(data).length, text: true, sha256: hex(await sha256(data)) };
	return data.byteLength <= 64 ? { binary: hex(data) } : { size: data.byteLength, sha256: hex(await sha256(data)) };
}

function random_bytes(size) {
	const data = new Uint8Array(size);
	for (let at = 0; at < size; at += 65536)
		crypto.getRandomValues(data.subarray(at, Math.min(size, at + 65536)));
	return data;
}

/* Waits by the event that the specification gives for it. */
function drained(dc, threshold) {
	return new Promise((resolve, reject) => {
		dc.bufferedAmountLowThreshold = threshold;
		if (dc.bufferedAmount <= threshold)
			return resolve();
		dc.addEventListener('bufferedamountlow', resolve, { once: true });
		dc.addEventListener('close', () => reject(new Error('closed while sending')), { once: true });
		return undefined;
	});
}

/* ---- descriptions ---- */

/* Waits for the end of the candidates when there have to be new ones: the state alone may still be that of the last time. */
let ends_of_candidates = 0;

async function told(trickle, ends_wanted) {
	if (!trickle)
		await until(() => pc.iceGatheringState === 'complete' && ends_of_candidates >= ends_wanted);
	return { sdp: pc.localDescription.sdp, at: now() };
}

const ufrag_of = description => /a=ice-ufrag:(\S+)/.exec(description?.sdp)?.[1];

/* ---- the commands ---- */

const commands = {
	async new(o) {
		if (pc)
			pc.close();
		options = o;
		channels = new Map();
		watchers = [];
		states = [];
		pc = new RTCPeerConnection({ iceServers: o.iceServers || [], iceTransportPolicy: o.relayOnly ? 'relay' : 'all' });
		const mine = pc;
		watch_media(pc);
		pc.onconnectionstatechange = () => {
			states.push(mine.connectionState);
			poke();
		};
		pc.onicegatheringstatechange = poke;
		pc.oniceconnectionstatechange = poke;
		pc.onsignalingstatechange = poke;
		pc.onicecandidate = e => {
			ends_of_candidates += e.candidate ? 0 : 1;
			poke();
			if (mine === pc && options.trickle)
				tell({ candidate: e.candidate ? e.candidate.candidate : '' });
		};
		pc.ondatachannel = e => {
			channels.set(e.channel.label, new Channel(e.channel));
			poke();
		};
		return {};
	},

	async offer(o) {
		const at = now();
		const ends_wanted = ends_of_candidates + (o.restart ? 1 : 0);
		if (o.restart)
			pc.restartIce();
		await pc.setLocalDescription(await pc.createOffer());
		return { ...await told(o.trickle, ends_wanted), started: at };
	},

	async answer(o) {
		const at = now();
		const restarts = pc.remoteDescription && ufrag_of(pc.remoteDescription) !== ufrag_of(o);
		const ends_wanted = ends_of_candidates + (restarts ? 1 : 0);
		await pc.setRemoteDescription({ type: 'offer', sdp: o.sdp });
		await take_media(o.take);
		await pc.setLocalDescription(await pc.createAnswer());
		return { ...await told(o.trickle, ends_wanted), started: at };
	},

	async accept(o) {
		await pc.setRemoteDescription({ type: 'answer', sdp: o.sdp });
		return {};
	},

	async candidate(o) {
		await pc.addIceCandidate(o.candidate ? { candidate: o.candidate, sdpMLineIndex: 0 } : undefined);
		return {};
	},

	async open(o) {
		const init = {};
		for (const key of ['ordered', 'maxRetransmits', 'maxPacketLifeTime', 'negotiated', 'id', 'protocol']) {
			if (o[key] !== undefined)
				init[key] = o[key];
		}
		channels.set(o.name, new Channel(pc.createDataChannel(o.label === undefined ? o.name : o.label, init)));
		return {};
	},

	async opened(o) {
		return describe(await until(() => {
			const ch = channels.get(o.name);
			return ch && ch.opened_at ? ch : null;
		}));
	},

	async mode(o) {
		channel(o.name).mode = o.mode;
		return {};
	},

	async send(o) {
		const data = o.size !== undefined ? random_bytes(o.size)
			: o.text !== undefined ? o.text : Uint8Array.from(o.binary.match(/../g) || [], b => parseInt(b, 16));
		try {
			channel(o.name).dc.send(data);
		} catch (e) {
			return { refused: e.name };
		}
		return describe_message(typeof data === 'string' ? data : data.buffer);
	},

	async take(o) {
		const ch = channel(o.name);
		await until(() => ch.kept.length > 0);
		return describe_message(ch.kept.shift());
	},

	/* count messages of size bytes (or the numbers 0, 1, ... as text), no more than 4 MiB ahead of the network. */
	async bulk(o) {
		const { dc } = channel(o.name);
		const digests = [];
		const same = o.hash === false ? random_bytes(o.size) : null;
		const started = now();
		for (let i = 0; i < o.count; i++) {
			const data = o.numbered ? String(i) : same || random_bytes(o.size);
			if (o.hash !== false)
				digests.push(sha256(data));
			dc.send(data);
			if (dc.bufferedAmount > 4 << 20)
				await drained(dc, 1 << 20);
		}
		return { sha256: o.hash === false ? '' : await chain(digests), started };
	},

	/* Waits until count messages came; then what they were. */
	async received(o) {
		const ch = channel(o.name);
		await until(() => ch.count >= o.count);
		return {
			count: ch.count, bytes: ch.bytes, texts: ch.texts, first: ch.first, last: ch.last, sha256: await chain(ch.digests),
		};
	},

	/* Queues bytes at once and tells how bufferedAmount and its event went. */
	async fill(o) {
		const { dc } = channel(o.name);
		const data = random_bytes(16384);
		dc.bufferedAmountLowThreshold = o.threshold;
		const before = dc.bufferedAmount;
		const low = new Promise(resolve => dc.addEventListener('bufferedamountlow', () => resolve(dc.bufferedAmount), { once: true }));
		let grew = true;
		for (let sent = 0; sent < o.bytes; sent += data.length) {
			const amount = dc.bufferedAmount;
			dc.send(data);
			grew = grew && dc.bufferedAmount === amount + data.length;
		}
		const full = dc.bufferedAmount;
		const at_low = await low;
		await drained(dc, 0);
		return { before, full, grew, at_low, end: dc.bufferedAmount };
	},

	async close(o) {
		channel(o.name).dc.close();
		return { state: channel(o.name).dc.readyState };
	},

	async closed(o) {
		const ch = channel(o.name);
		await until(() => ch.events.includes('close'));
		return { events: ch.events, state: ch.dc.readyState, count: ch.count };
	},

	async forget(o) {
		channels.delete(o.name);
		return {};
	},

	async end() {
		pc.close();
		return {};
	},

	/* Waits for one of the states; all that were since `new`. */
	async state(o) {
		if (o.any)
			await until(() => o.any.includes(pc.connectionState));
		return {
			connection: pc.connectionState, ice: pc.iceConnectionState, signaling: pc.signalingState, states,
			max_message: pc.sctp ? pc.sctp.maxMessageSize : 0,
		};
	},

	/* The pair in use. */
	async pair() {
		const report = await pc.getStats();
		const all = [...report.values()];
		const transport = all.find(s => s.type === 'transport');
		const chosen = transport && transport.selectedCandidatePairId ? report.get(transport.selectedCandidatePairId)
			: all.find(s => s.type === 'candidate-pair' && (s.selected || (s.nominated && s.state === 'succeeded')));
		if (!chosen)
			return {};
		const end = id => {
			const c = report.get(id);
			return { type: c.candidateType, address: c.address, port: c.port, protocol: c.protocol, relay: c.relayProtocol };
		};
		return { local: end(chosen.localCandidateId), remote: end(chosen.remoteCandidateId) };
	},
};

/* eslint-disable-next-line no-unused-vars */
async function run(command, o) {
	try {
		return await (commands[command] ?? media_commands[command])(o);
	} catch (e) {
		return { error: `${command}: ${e.name}: ${e.message}` };
	}
}
