/* page_media: the page's commands about audio and video. A line is one transceiver with what the page sends on it and with what
 * shows the received track. Pictures carry their number, so that a reader can say which one it sees; frames.py draws and reads
 * the same ones. */
'use strict';

const WIDTH = 320;
const HEIGHT = 180;
const RATE = 15;

/* ---- pictures with numbers: 4 rows of 8 blocks. Row 0: 4 bits of the source, 4 of the number; row 1: 8 of the number; rows 2
 * and 3: the same, inverted. Below them is noise, another one each time, which makes an encoder spend its bits. ---- */

const NUMBERS = 4096;

function bits_of(source, number) {
	const value = source << 12 | number % NUMBERS;
	const bits = [];
	for (let i = 15; i >= 0; i--)
		bits.push(value >> i & 1);
	return [...bits, ...bits.map(b => 1 - b)];
}

function make_noise() {
	const canvas = new OffscreenCanvas(2 * WIDTH, HEIGHT);
	const g = canvas.getContext('2d');
	const image = g.createImageData(canvas.width, canvas.height);
	for (let i = 0; i < image.data.length; i += 4) {
		image.data.fill(256 * Math.random(), i, i + 3);
		image.data[i + 3] = 255;
	}
	g.putImageData(image, 0, 0);
	return canvas;
}

const NOISE = make_noise();

class Picture {
	constructor(id, width = WIDTH, height = HEIGHT) {
		this.id = id;
		this.count = 0;
		this.canvas = document.createElement('canvas');
		Object.assign(this.canvas, { width, height, title: `sent: ${id}` });
		document.body.append(this.canvas);
		this.g = this.canvas.getContext('2d');
		this.draw();
		[this.track] = this.canvas.captureStream().getVideoTracks();
		this.timer = setInterval(() => this.draw(), 1000 / RATE);
	}

	draw() {
		const { g, canvas: { width, height } } = this;
		const [w, h] = [width / 8, height / 6];
		bits_of(this.id, this.count).forEach((bit, i) => {
			g.fillStyle = bit ? '#fff' : '#000';
			g.fillRect(w * (i % 8), h * Math.floor(i / 8), w, h);
		});
		g.drawImage(NOISE, WIDTH * Math.random(), HEIGHT / 2 * Math.random(), WIDTH, HEIGHT / 3, 0, 4 * h, width, 2 * h);
		this.count++;
	}

	stop() {
		clearInterval(this.timer);
		this.track.stop();
		this.canvas.remove();
	}
}

let audio_context = null;

/* Firefox runs no AudioContext on a machine without a sound device; its fake microphone hums. */
class Tone {
	constructor(id) {
		this.id = id;
		this.oscillator = null;
	}

	async start() {
		if (navigator.userAgent.includes('Firefox')) {
			[this.track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks();
			return;
		}
		audio_context ??= new AudioContext();
		this.oscillator = new OscillatorNode(audio_context, { frequency: 400 + 100 * this.id });
		const end = audio_context.createMediaStreamDestination();
		this.oscillator.connect(end);
		this.oscillator.start();
		[this.track] = end.stream.getAudioTracks();
	}

	stop() {
		this.oscillator?.stop();
		this.track.stop();
	}
}

/* Shows a received track, and reads every picture that is presented. */
class Screen {
	constructor(track) {
		this.first_at = this.shown = this.unreadable = this.backwards = this.repeated = 0;
		this.last = this.last_source = -1;
		this.sources = [];
		this.sizes = [];
		this.readers = document.createElement('canvas');
		Object.assign(this.readers, { width: WIDTH, height: HEIGHT });
		this.g = this.readers.getContext('2d', { willReadFrequently: true });
		this.video = document.createElement(track.kind);
		Object.assign(this.video, { autoplay: true, muted: track.kind === 'video', playsInline: true, srcObject: new MediaStream([track]) });
		document.body.append(this.video);
		this.video.play().catch(() => {});
		if (track.kind === 'video')
			this.wait();
	}

	wait() {
		this.video.requestVideoFrameCallback((_, frame) => {
			this.first_at = this.first_at || now();
			this.shown++;
			const size = `${frame.width}x${frame.height}`;
			if (this.sizes.at(-1) !== size)
				this.sizes.push(size);
			this.read();
			this.wait();
			poke();
		});
	}

	read() {
		this.g.drawImage(this.video, 0, 0, WIDTH, HEIGHT);
		const { data } = this.g.getImageData(0, 0, WIDTH, HEIGHT * 4 / 6);
		const bits = [];
		for (let i = 0; i < 32; i++) {
			let sum = 0;
			for (let y = 10; y < 20; y++) {
				for (let x = 14; x < 26; x++)
					sum += data[4 * ((30 * Math.floor(i / 8) + y) * WIDTH + 40 * (i % 8) + x) + 1];
			}
			bits.push(sum > 120 * 128 ? 1 : 0);
		}
		if (!bits.slice(16).every((b, i) => b !== bits[i])) {
			this.unreadable++;
			return;
		}
		const value = bits.slice(0, 16).reduce((v, b) => v << 1 | b, 0);
		this.seen(value >> 12, value % NUMBERS);
	}

	seen(source, number) {
		if (source === this.last_source) {
			const step = (number - this.last + NUMBERS) % NUMBERS;
			this.repeated += step === 0 ? 1 : 0;
			this.backwards += step > NUMBERS / 2 ? 1 : 0;
		} else {
			this.sources.push(source);
		}
		this.last_source = source;
		this.last = number;
	}

	report() {
		const { first_at, shown, unreadable, backwards, repeated, last, sources, sizes } = this;
		return { first_at, shown, unreadable, backwards, repeated, last, sources, sizes };
	}

	stop() {
		this.video.srcObject = null;
		this.video.remove();
	}
}

/* ---- lines ---- */

let lines = [];

function line(name) {
	const found = lines.find(l => l.name === name);
	if (!found)
		throw new Error(`no line ${name} among ${lines.map(l => l.name)}`);
	return found;
}

function line_of(transceiver) {
	let found = lines.find(l => l.transceiver === transceiver);
	if (!found) {
		found = { name: null, transceiver, source: null, screen: null, kind: transceiver.receiver.track.kind };
		lines.push(found);
	}
	return found;
}

async function make_source(kind, o) {
	if (kind === 'video')
		return new Picture(o.source ?? 0, o.width, o.height);
	const tone = new Tone(o.source ?? 0);
	await tone.start();
	return tone;
}

const sends = direction => direction === 'sendrecv' || direction === 'sendonly';

/* The codec asked for, and then the others; or no others, which Chromium refuses when Firefox does it: Firefox's offer keeps the
 * rtcp-fb lines of what it left out. */
function prefer(transceiver, kind, { codec, fmtp, only }) {
	if (!codec)
		return;
	const all = RTCRtpReceiver.getCapabilities(kind).codecs;
	const wanted = all.filter(c => c.mimeType.toLowerCase() === `${kind}/${codec}`.toLowerCase() && (c.sdpFmtpLine ?? '').includes(fmtp ?? ''));
	if (wanted.length === 0)
		throw new Error(`no ${codec} ${fmtp ?? ''} here`);
	const rest = all.filter(c => !wanted.includes(c) && (!only || /\/rtx$/i.test(c.mimeType)));
	transceiver.setCodecPreferences([...wanted, ...rest]);
}

/* eslint-disable no-unused-vars */
function watch_media(connection) {
	lines.forEach(l => [l.source, l.screen].forEach(x => x?.stop()));
	lines = [];
	connection.ontrack = ({ track, transceiver }) => {
		const l = line_of(transceiver);
		l.screen?.stop();
		l.screen = new Screen(track);
		track.onmute = track.onunmute = track.onended = poke;
		poke();
	};
}

/* What an answerer makes of sections that were not there before: the first of a kind goes to the first of that kind. */
async function take_media(takes = []) {
	pc.getTransceivers().forEach(line_of);
	for (const o of takes) {
		const l = lines.find(x => x.name === null && x.kind === o.kind);
		if (!l)
			throw new Error(`no new ${o.kind} in the offer`);
		l.name = o.name ?? o.kind;
		l.transceiver.direction = o.direction ?? 'sendrecv';
		prefer(l.transceiver, l.kind, o);
		if (sends(l.transceiver.direction)) {
			l.source = await make_source(l.kind, o);
			await l.transceiver.sender.replaceTrack(l.source.track);
		}
	}
	lines.filter(x => x.name === null).forEach(x => {
		x.name = `${x.kind} ${x.transceiver.mid}`;
	});
}
/* eslint-enable no-unused-vars */

const sleep = ms => new Promise(resolve => {
	setTimeout(resolve, ms);
});

const stats_of = async object => [...(await object.getStats()).values()];

async function energy_of(l) {
	return (await stats_of(l.transceiver.receiver)).find(s => s.type === 'inbound-rtp')?.totalAudioEnergy ?? 0;
}

/* Comfort noise is far below. */
const AUDIBLE = 1e-5; /* energy in 50 ms at a level of 0.014 */

/* ---- the commands ---- */

const media_commands = {
	/* A new section of the next offer. rids: simulcast, the largest last. */
	async add(o) {
		const source = sends(o.direction ?? 'sendrecv') ? await make_source(o.kind, o) : null;
		const init = { direction: o.direction ?? 'sendrecv', streams: [new MediaStream()] };
		if (o.rids)
			init.sendEncodings = o.rids.map((rid, i) => ({ rid, scaleResolutionDownBy: 2 ** (o.rids.length - 1 - i) }));
		const transceiver = pc.addTransceiver(source ? source.track : o.kind, init);
		prefer(transceiver, o.kind, o);
		Object.assign(line_of(transceiver), { name: o.name ?? o.kind, source });
		return {};
	},

	/* Waits until so many more pictures were presented, of this source if one is named; sound: until energy came five times. */
	async watch(o) {
		const l = await until(() => lines.find(x => x.name === o.name && x.screen));
		const { screen } = l;
		if (l.kind === 'video') {
			const from = screen.shown;
			await until(() => screen.shown >= from + o.frames && (o.source === undefined || screen.last_source === o.source));
		} else {
			for (let heard = 0, before = await energy_of(l); heard < 5;) {
				await sleep(50);
				const energy = await energy_of(l);
				heard += energy > before + AUDIBLE ? 1 : 0;
				before = energy;
			}
		}
		return screen.report();
	},

	/* How many pictures come, and how much energy, in so many ms. */
	async during(o) {
		const l = line(o.name);
		const before = { shown: l.screen.shown, energy: await energy_of(l) };
		await sleep(o.ms);
		return { shown: l.screen.shown - before.shown, energy: await energy_of(l) - before.energy };
	},

	async replace(o) {
		const l = line(o.name);
		const old = l.source;
		l.source = o.source === null ? null : await make_source(l.kind, o);
		await l.transceiver.sender.replaceTrack(l.source && l.source.track);
		old?.stop();
		return {};
	},

	async direction(o) {
		line(o.name).transceiver.direction = o.direction;
		return {};
	},

	async stop(o) {
		line(o.name).transceiver.stop();
		return {};
	},

	/* Takes layers away and gives them back: one truth value each. */
	async encodings(o) {
		const { sender } = line(o.name).transceiver;
		const parameters = sender.getParameters();
		parameters.encodings.forEach((e, i) => {
			e.active = o.active[i];
		});
		await sender.setParameters(parameters);
		return {};
	},

	async muted(o) {
		await until(() => line(o.name).transceiver.receiver.track.muted === o.muted);
		return {};
	},

	async transceivers() {
		return {
			list: pc.getTransceivers().map(t => ({
				name: line_of(t).name, mid: t.mid, direction: t.direction, current: t.currentDirection, kind: line_of(t).kind,
				track: t.receiver.track.readyState, muted: t.receiver.track.muted,
			})),
		};
	},

	/* Every entry about this line's streams, and the names of their codecs. */
	async media_stats(o) {
		const { transceiver } = line(o.name);
		const all = [...await stats_of(transceiver.sender), ...await stats_of(transceiver.receiver)];
		const codecs = new Map(all.filter(s => s.type === 'codec').map(s => [s.id, s.mimeType.split('/')[1]]));
		const of = type => all.filter(s => s.type === type).map(s => ({ ...s, codec: codecs.get(s.codecId) }));
		return {
			inbound: of('inbound-rtp'), outbound: of('outbound-rtp'), remote_inbound: of('remote-inbound-rtp'),
			remote_outbound: of('remote-outbound-rtp'), transport: all.find(s => s.type === 'transport') ?? null,
		};
	},
};
