// throughput: as many bytes as the path takes, one way at a time, with a plot that lives.

import { bytes, byId, rate } from "./format.js";
import { Plot } from "./plot.js";

const HIGH = 1 << 20;
const LOW = 1 << 18;

export class Throughput {
	result = null;
	running = null;
	channel = null;

	constructor(connection) {
		this.connection = connection;
		this.plot = new Plot(byId("plot-throughput"), { lines: ["goodput"], seconds: 5, format: rate, least: 1e6, rolling: false, empty: "no test yet", label: "Throughput" });
		byId("throughput-down").addEventListener("click", () => this.start("down"));
		byId("throughput-up").addEventListener("click", () => this.start("up"));
		byId("throughput-stop").addEventListener("click", () => this.stop());
	}

	attach(channel) {
		this.channel = channel;
		channel.bufferedAmountLowThreshold = LOW;
		channel.addEventListener("open", () => this.enable(true));
		channel.addEventListener("bufferedamountlow", () => this.pour());
		channel.addEventListener("message", (event) => this.receive(event.data));
	}

	detach() {
		this.channel = null;
		if (this.running) this.finish("failed", "The connection ended.");
		this.enable(false);
	}

	enable(on) {
		byId("throughput-down").disabled = byId("throughput-up").disabled = !on;
	}

	showButtons(running) {
		byId("throughput-down").hidden = byId("throughput-up").hidden = running;
		byId("throughput-stop").hidden = !running;
	}

	// A promise of the result.
	start(direction, seconds = Number(byId("throughput-seconds").value), size = Number(byId("throughput-size").value)) {
		if (this.running || this.channel?.readyState !== "open") return Promise.resolve(null);
		const now = performance.now();
		const limit = Math.min(size, this.connection.maxMessageSize);
		this.running = { direction, seconds, began: now, until: now + seconds * 1000, bytes: 0, seen: [0, 0], ended: false };
		this.plot.clear(seconds);
		this.showButtons(true);
		this.show("running", direction === "down" ? "Receiving …" : "Sending …");
		if (direction === "down") {
			this.channel.send(JSON.stringify({ type: "down", seconds, size: limit }));
			this.running.sampler = setInterval(() => this.sample((performance.now() - this.running.began) / 1000, this.running.bytes), 100);
		} else {
			this.running.message = new Uint8Array(limit);
			this.channel.send(JSON.stringify({ type: "up" }));
			this.pour();
		}
		return new Promise((resolve) => (this.running.resolve = resolve));
	}

	pour() {
		const run = this.running;
		if (!run || run.direction !== "up" || run.ended || this.channel.readyState !== "open") return;
		while (this.channel.bufferedAmount < HIGH && performance.now() < run.until) this.channel.send(run.message);
		if (performance.now() < run.until) return;
		run.ended = true;
		this.channel.send(JSON.stringify({ type: "end" }));
	}

	stop() {
		if (!this.running) return;
		this.running.until = 0;
		if (this.running.direction === "down") this.channel.send(JSON.stringify({ type: "stop" }));
		else this.pour();
	}

	// Goodput since the sample before.
	sample(seconds, total) {
		const [at, before] = this.running.seen;
		if (seconds - at < 0.05) return;
		this.running.seen = [seconds, total];
		const now = ((total - before) * 8) / (seconds - at);
		this.plot.add(seconds, now);
		this.show("running", `${this.running.direction === "down" ? "↓" : "↑"} ${rate(now)}, ${bytes(total)} so far`);
	}

	receive(data) {
		const run = this.running;
		if (typeof data !== "string") {
			if (run) run.bytes += data.byteLength;
			return;
		}
		const message = JSON.parse(data);
		if (!run) return;
		if (message.type === "progress") this.sample(message.ms / 1000, message.bytes);
		else if (message.type === "error") this.finish("failed", message.text);
		else if (message.type === "done") this.done(run, message);
	}

	// Down: what arrived here in the time until it was here. Up: the server's count.
	done(run, message) {
		const total = run.direction === "down" ? run.bytes : message.bytes;
		const seconds = Math.max(run.direction === "down" ? (performance.now() - run.began) / 1000 : message.ms / 1000, 1e-3);
		this.sample(seconds, total);
		const goodput = (total * 8) / seconds;
		const complete = run.direction === "up" || message.bytes === run.bytes;
		this.result = { direction: run.direction, bytes: total, seconds, goodput, complete };
		this.finish("done", `${run.direction === "down" ? "↓" : "↑"} ${rate(goodput)}: ${bytes(total)} in ${seconds.toFixed(2)} s`);
	}

	finish(state, text) {
		const run = this.running;
		clearInterval(run.sampler);
		this.running = null;
		this.showButtons(false);
		this.enable(this.channel?.readyState === "open");
		this.show(state, text);
		run.resolve?.(state === "done" ? this.result : null);
	}

	show(state, text) {
		const result = byId("throughput-result");
		result.dataset.state = state;
		result.textContent = text;
	}
}
