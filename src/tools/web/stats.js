// stats: the server's view of the connection, five samples a second, as graphs.

import { bytes, byId, count, element, ms, rate, setText } from "./format.js";
import { Plot } from "./plot.js";

const KEPT = 600;
const REPORT_EVERY = 1000; // ms: a report is large, and the server gives one a second

const size = (data) => (typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength);

// The newest values, in the colours of their lines.
function legend(id, ...values) {
	byId(id).replaceChildren(...values.map((value, i) => element("span", { class: `series-${i + 1}` }, value)));
}

export class Stats {
	samples = [];

	constructor(connection) {
		this.connection = connection;
		this.rtt = new Plot(byId("plot-rtt"), { lines: ["SCTP", "page"], seconds: 60, format: ms, least: 1, label: "Round trip" });
		this.cwnd = new Plot(byId("plot-cwnd"), { lines: ["window", "in flight"], seconds: 60, format: bytes, least: 16384, binary: true, label: "Congestion window" });
		this.goodput = new Plot(byId("plot-goodput"), { lines: ["down", "up"], seconds: 60, format: rate, least: 1e5, label: "Goodput" });
	}

	// The channels of this page's own traffic: what they carry is no goodput.
	attach(channel, ping) {
		this.own = { down: 0, up: 0 }; // bytes that the server's counts have in them, or soon will
		this.reportAt = 0;
		channel.addEventListener("message", (event) => {
			const message = JSON.parse(event.data);
			if (message.type === "sample") this.add(message);
			else if (message.type === "report") this.report = message.report;
			this.own.down += size(event.data); // behind add(): a sample does not count itself
		});
		ping.addEventListener("message", (event) => {
			this.own.down += size(event.data);
			this.own.up += size(event.data);
		});
		this.channel = channel;
	}

	detach() {
		this.channel = null;
		this.samples = [];
		this.page = undefined;
		for (const plot of [this.rtt, this.cwnd, this.goodput]) plot.clear();
		this.blank();
	}

	// Takes away what is of the present.
	blank() {
		this.page = undefined;
		for (const fact of ["path", "cipher", "times", "retransmitted", "peers"]) setText(`fact-${fact}`, "–");
		this.showLegends({}, undefined, undefined);
	}

	// False when one was asked for a moment ago.
	askReport() {
		const now = performance.now();
		if (this.channel?.readyState !== "open" || now - this.reportAt < REPORT_EVERY) return false;
		const question = JSON.stringify({ type: "report" });
		this.reportAt = now;
		this.own.up += size(question);
		this.channel.send(question);
		return true;
	}

	addRoundTrip(time) {
		const last = this.samples.at(-1);
		if (last) this.rtt.add(last.time / 1000, undefined, time);
		this.page = time;
	}

	add(sample) {
		const before = this.samples.at(-1);
		this.samples.push(sample);
		if (this.samples.length > KEPT) this.samples.shift();
		const time = sample.time / 1000;
		this.rtt.add(time, sample.rtt, undefined);
		this.cwnd.add(time, sample.cwnd, sample.inFlight);
		const { down, up } = before ? this.addGoodput(before, sample) : {};
		this.showLegends(sample, down, up);
		this.showFacts(sample);
	}

	showLegends({ rtt, cwnd, inFlight }, down, up) {
		const or = (format, value) => (value === undefined ? "–" : format(value));
		legend("legend-rtt", `SCTP ${or(ms, rtt)}`, `page ${or(ms, this.page)}`);
		legend("legend-cwnd", `window ${or(bytes, cwnd)}`, `in flight ${or(bytes, inFlight)}`);
		legend("legend-goodput", `↓ ${or(rate, down)}`, `↑ ${or(rate, up)}`);
	}

	// What is left of n bytes without this page's own. What the counts do not have in them yet is taken off later ones.
	others(direction, n) {
		const own = Math.min(Math.max(n, 0), this.own[direction]);
		this.own[direction] -= own;
		return Math.max(n, 0) - own;
	}

	// What was accepted and is no longer buffered has arrived.
	addGoodput(before, sample) {
		const seconds = (sample.time - before.time) / 1000;
		const arrived = (s) => s.payloadSent - s.buffered;
		const down = (this.others("down", arrived(sample) - arrived(before)) * 8) / seconds;
		const up = (this.others("up", sample.payloadReceived - before.payloadReceived) * 8) / seconds;
		this.goodput.add(sample.time / 1000, down, up);
		return { down, up };
	}

	showFacts(s) {
		const at = (address, port) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);
		setText("fact-path", s.path ? `${at(s.path.remote, s.path.remotePort)} → ${at(s.path.local, s.path.localPort)} ${s.path.protocol}` : "–");
		setText("fact-cipher", s.cipher);
		setText("fact-times", `${ms(this.connection.openedAfter)} (at the server: ICE ${ms(s.phases.ice)}, DTLS ${ms(s.phases.dtls)}, SCTP ${ms(s.phases.sctp)})`);
		setText("fact-retransmitted", count(s.retransmitted, "chunk"));
		setText("fact-peers", count(s.peers, "browser"));
	}
}
