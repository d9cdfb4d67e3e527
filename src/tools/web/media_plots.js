// media_plots: the browser's statistics of audio and video of one connection as graphs: bitrate, loss, round trip; of who sends, the
// estimate; of who watches, the wait in the jitter buffer.
//
// Who sends estimates the path, by transport-wide feedback. So a receiver's browser has no availableIncomingBitrate, and Firefox has
// no estimate at all.

import { byId, element, ms, rate, setText } from "./format.js";
import { Plot } from "./plot.js";

const EVERY = 1000; // ms
const KEPT = 600;

const percent = (n) => `${n < 10 ? n.toFixed(1) : Math.round(n)} %`;

function legend(id, ...values) {
	byId(id).replaceChildren(...values.map((value, i) => element("span", { class: `series-${i + 1}` }, value)));
}

const sum = (reports, field) => reports.reduce((total, report) => total + (report[field] ?? 0), 0);

// Chromium's transport names the pair in use, and Firefox marks it; several can be nominated.
function pairInUse(stats, all) {
	const transport = all.find((report) => report.type === "transport" && report.selectedCandidatePairId);
	const pairs = all.filter((report) => report.type === "candidate-pair");
	return stats.get(transport?.selectedCandidatePairId) ?? pairs.find((pair) => pair.selected) ?? pairs.find((pair) => pair.nominated) ?? {};
}

// What a report says now: counts since the beginning, and values of the moment.
function read(stats, sending) {
	const all = [...stats.values()];
	const of = (type) => all.filter((report) => report.type === type);
	const streams = of(sending ? "outbound-rtp" : "inbound-rtp");
	const seen = of(sending ? "remote-inbound-rtp" : "inbound-rtp");
	const pair = pairInUse(stats, all);
	const times = of("remote-inbound-rtp").map((report) => report.roundTripTime).filter((time) => time !== undefined);
	const video = streams.filter((report) => report.kind === "video").sort((a, b) => (b.frameWidth ?? 0) - (a.frameWidth ?? 0))[0] ?? {};
	return {
		bytes: sum(streams, sending ? "bytesSent" : "bytesReceived"),
		packets: sum(streams, sending ? "packetsSent" : "packetsReceived"),
		lost: sum(seen, "packetsLost"),
		frames: video[sending ? "framesEncoded" : "framesDecoded"] ?? 0,
		width: video.frameWidth,
		height: video.frameHeight,
		codec: stats.get(video.codecId)?.mimeType?.replace("video/", ""),
		rtt: pair.currentRoundTripTime ?? times[0],
		estimate: pair.availableOutgoingBitrate,
		target: sum(streams, "targetBitrate") || undefined,
		waited: video.jitterBufferDelay ?? 0, // seconds, of all pictures that left the buffer
		left: video.jitterBufferEmittedCount ?? 0,
	};
}

export class MediaPlots {
	samples = [];

	// prefix: of the ids: PREFIX-plot-rate, PREFIX-legend-rate, and so on.
	constructor(prefix, sending) {
		Object.assign(this, { prefix, sending });
		const plot = (name, options) => new Plot(byId(`${prefix}-plot-${name}`), { seconds: 60, ...options });
		const direction = sending ? "sent" : "received";
		this.plots = {
			rate: plot("rate", { lines: [direction], format: rate, least: 1e5, label: "Bitrate" }),
			loss: plot("loss", { lines: ["lost"], format: percent, least: 1, label: "Loss" }),
			rtt: plot("rtt", { lines: ["round trip"], format: ms, least: 1, label: "Round trip" }),
			...(sending
				? { estimate: plot("estimate", { lines: ["path", "encoder"], format: rate, least: 1e5, label: "Estimate" }) }
				: { buffer: plot("buffer", { lines: ["wait"], format: ms, least: 1, label: "Buffer" }) }),
		};
		this.clear();
	}

	clear() {
		clearInterval(this.timer);
		this.samples = [];
		for (const plot of Object.values(this.plots)) plot.clear();
		this.show({});
	}

	follow(pc) {
		this.clear();
		const began = performance.now();
		const look = async () => {
			const stats = await pc.getStats();
			if (this.pc === pc && pc.connectionState === "connected") this.add({ time: (performance.now() - began) / 1000, ...read(stats, this.sending) });
		};
		this.pc = pc;
		this.timer = setInterval(look, EVERY);
	}

	stop() {
		this.pc = null;
		clearInterval(this.timer);
	}

	add(sample) {
		const before = this.samples.at(-1);
		this.samples.push(sample);
		if (this.samples.length > KEPT) this.samples.shift();
		if (!before) return;
		const seconds = sample.time - before.time;
		const lost = Math.max(0, sample.lost - before.lost);
		const packets = Math.max(0, sample.packets - before.packets) + (this.sending ? 0 : lost);
		sample.rate = (Math.max(0, sample.bytes - before.bytes) * 8) / seconds;
		sample.loss = packets ? Math.min(100, (lost / packets) * 100) : 0;
		sample.fps = Math.max(0, sample.frames - before.frames) / seconds;
		const { time, rtt, estimate, target } = sample;
		this.plots.rate.add(time, sample.rate);
		this.plots.loss.add(time, sample.loss);
		this.plots.rtt.add(time, rtt === undefined ? undefined : rtt * 1000);
		if (this.sending) this.addEstimate(time, estimate, target);
		else this.addBuffer(before, sample);
		this.show(sample);
	}

	addEstimate(time, estimate, target) {
		this.plots.estimate.empty = estimate === undefined && target === undefined ? "not told by this browser" : "no data";
		this.plots.estimate.add(time, estimate, target);
	}

	addBuffer(before, sample) {
		const left = sample.left - before.left;
		sample.buffer = left > 0 ? ((sample.waited - before.waited) / left) * 1000 : undefined;
		this.plots.buffer.add(sample.time, sample.buffer);
	}

	show({ rate: now, loss, rtt, estimate, target, buffer, width, height, fps, codec }) {
		const or = (format, value) => (value === undefined ? "–" : format(value));
		legend(`${this.prefix}-legend-rate`, or(rate, now));
		legend(`${this.prefix}-legend-loss`, or(percent, loss));
		legend(`${this.prefix}-legend-rtt`, or(ms, rtt === undefined ? undefined : rtt * 1000));
		if (this.sending) legend(`${this.prefix}-legend-estimate`, `path ${or(rate, estimate)}`, `encoder ${or(rate, target)}`);
		else legend(`${this.prefix}-legend-buffer`, or(ms, buffer));
		setText(`${this.prefix}-facts`, width ? `${width} × ${height}, ${Math.round(fps ?? 0)} pictures/s, ${codec ?? "–"}` : "–");
	}
}
