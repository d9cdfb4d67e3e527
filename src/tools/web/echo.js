// echo: what is sent comes back; and round trips, measured once a second in this page: message there, message back.

import { appendLine, byId, element, ms } from "./format.js";

const KEPT = 500;

export class Echo {
	rtt = { last: undefined, median: undefined, p99: undefined, count: 0 };
	times = [];
	echoed = [];
	sent = [];
	timer = 0;

	constructor() {
		byId("echo-form").addEventListener("submit", (event) => {
			event.preventDefault();
			const input = byId("echo-input");
			if (this.channel?.readyState !== "open") return;
			this.send(input.value);
			input.value = "";
		});
	}

	attach(echo, ping, onRtt) {
		this.channel = echo;
		this.sent = [];
		echo.addEventListener("open", () => (byId("echo-send").disabled = false));
		echo.addEventListener("close", () => this.channel === echo && (byId("echo-send").disabled = true));
		echo.addEventListener("message", (event) => this.receive(event.data));
		ping.addEventListener("open", () => {
			clearInterval(this.timer);
			this.timer = setInterval(() => ping.readyState === "open" && ping.send(String(performance.now())), 1000);
			ping.send(String(performance.now()));
		});
		ping.addEventListener("message", (event) => {
			this.count(performance.now() - Number(event.data));
			onRtt(this.rtt.last);
		});
		ping.addEventListener("close", () => this.channel === echo && clearInterval(this.timer));
	}

	send(text) {
		this.sent.push(performance.now());
		this.channel.send(text);
	}

	receive(data) {
		const took = performance.now() - (this.sent.shift() ?? performance.now());
		this.echoed.push(data);
		if (this.echoed.length > KEPT) this.echoed.shift();
		const text = typeof data === "string" ? data : `${data.byteLength} bytes`;
		appendLine(byId("echo-log"), element("li", { "data-testid": "echo-line" }, text, " ", element("span", { class: "aside" }, ms(took))));
	}

	count(time) {
		this.times.push(time);
		if (this.times.length > KEPT) this.times.shift();
		const sorted = [...this.times].sort((a, b) => a - b);
		const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
		this.rtt = { last: time, median: at(0.5), p99: at(0.99), count: this.rtt.count + 1 };
		byId("ping-last").textContent = ms(time);
		byId("ping-median").textContent = ms(this.rtt.median);
		byId("ping-p99").textContent = ms(this.rtt.p99);
		byId("ping-count").textContent = `${this.rtt.count}`;
	}
}
