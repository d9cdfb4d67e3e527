// media_plots: the browser's statistics of audio and video of one connection as graphs: bitrate, loss, round trip, estimate.

import { byId, element, ms, rate, setText } from "./format.js";
import { Plot } from "./plot.js";

const EVERY = 1000; // ms
const KEPT = 600;

const percent = (n) => `${n < 10 ? n.toFixed(1) : Math.round(n)} %`;

function legend(id, ...values) {
	byId(id).replaceChildren(...values.map((value, i) => element("span", { class: `series-${i + 1}` }, value)));
}

const sum = (reports, field) => reports.reduce((total, report) => total + (report[field] ?? 0), 0);

// What a report says now: counts since the beginning, and values of the moment.
function read(stats, sending) {
	const all = [...stats.values()];
	const of = (type) => all.filter((report) => report.type === type);
	const streams = of(sending ? "outbound-rtp" : "inbound-rtp");
	const seen = of(sending ? "remote-inbound-rtp" : "inbound-rtp");
	const pair = all.find((report) => report.type === "candidate-pair" && report.nominated && report.state === "succeeded") ?? {};
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
		estimate: sending ? pair.availableOutgoingBitrate : pair.availableIncomingBitrate,
		target: sending ? sum(streams, "targetBitrate") || undefined : undefined,
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
			estimate: plot("estimate", { lines: ["path", "encoder"], format: rate, least: 1e5, label: "Estimate" }),
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
		this.plots.estimate.add(time, estimate, target);
		this.show(sample);
	}

	show({ rate: now, loss, rtt, estimate, target, width, height, fps, codec }) {
		const or = (format, value) => (value === undefined ? "–" : format(value));
		legend(`${this.prefix}-legend-rate`, or(rate, now));
		legend(`${this.prefix}-legend-loss`, or(percent, loss));
		legend(`${this.prefix}-legend-rtt`, or(ms, rtt === undefined ? undefined : rtt * 1000));
		legend(`${this.prefix}-legend-estimate`, `path ${or(rate, estimate)}`, ...(this.sending ? [`encoder ${or(rate, target)}`] : []));
		setText(`${this.prefix}-facts`, width ? `${width} × ${height}, ${Math.round(fps ?? 0)} pictures/s, ${codec ?? "–"}` : "–");
	}
}
