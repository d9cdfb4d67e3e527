// echo: what is sent comes back; and round trips, measured once a second in this page: message there, message back.

import { appendLine, byId, count, element, followEnd, ms, setText } from "./format.js";

const KEPT = 500;
const P99_FROM = 100; // round trips: of fewer, one in a hundred says nothing but which was the slowest

const nothing = () => ({ last: undefined, median: undefined, slowest: undefined, p99: undefined, count: 0 });

export class Echo {
	rtt = nothing();
	times = [];
	echoed = [];
	sent = [];
	timer = 0;

	constructor() {
		followEnd(byId("echo-log"));
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
		this.times = [];
		this.rtt = nothing();
		echo.addEventListener("open", () => (byId("echo-send").disabled = false));
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
	}

	detach() {
		this.channel = null;
		clearInterval(this.timer);
		byId("echo-send").disabled = true;
		this.blank();
	}

	// Takes away what is of the present.
	blank() {
		this.show(nothing());
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
		const before = this.rtt;
		this.rtt = {
			last: time,
			median: at(0.5),
			slowest: Math.max(before.slowest ?? 0, time),
			p99: sorted.length >= P99_FROM ? at(0.99) : undefined,
			count: before.count + 1,
		};
		this.show(this.rtt);
	}

	show({ last, median, slowest, p99, count: n }) {
		setText("ping-last", ms(last));
		setText("ping-median", ms(median));
		setText("ping-slowest", ms(slowest));
		setText("ping-p99", ms(p99));
		byId("ping-p99-fact").hidden = p99 === undefined;
		setText("ping-count", n === 0 ? "–" : count(n, "round trip"));
	}
}
