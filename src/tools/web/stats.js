// stats: the server's view of the connection, five samples a second, as graphs.

import { bytes, byId, element, ms, rate } from "./format.js";
import { Plot } from "./plot.js";

const KEPT = 600;

// The newest values, in the colours of their lines.
function legend(id, ...values) {
	byId(id).replaceChildren(...values.map((value, i) => element("span", { class: `series-${i + 1}` }, value)));
}

export class Stats {
	samples = [];

	constructor(connection) {
		this.connection = connection;
		this.rtt = new Plot(byId("plot-rtt"), { lines: ["SCTP", "page"], seconds: 60, format: ms, label: "Round trip" });
		this.cwnd = new Plot(byId("plot-cwnd"), { lines: ["window", "in flight"], seconds: 60, format: bytes, binary: true, label: "Congestion window" });
		this.goodput = new Plot(byId("plot-goodput"), { lines: ["down", "up"], seconds: 60, format: rate, label: "Goodput" });
	}

	attach(channel) {
		this.samples = [];
		for (const plot of [this.rtt, this.cwnd, this.goodput]) plot.clear();
		channel.addEventListener("message", (event) => {
			const message = JSON.parse(event.data);
			if (message.type === "sample") this.add(message);
			else if (message.type === "report") this.report = message.report;
		});
		this.channel = channel;
	}

	askReport() {
		this.channel.send(JSON.stringify({ type: "report" }));
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
		legend("legend-rtt", `SCTP ${ms(sample.rtt)}`, `page ${ms(this.page)}`);
		legend("legend-cwnd", bytes(sample.cwnd), `in flight ${bytes(sample.inFlight)}`);
		if (before) this.addGoodput(before, sample);
		this.showFacts(sample);
	}

	// What was accepted and is no longer buffered has arrived.
	addGoodput(before, sample) {
		const seconds = (sample.time - before.time) / 1000;
		const arrived = (s) => s.payloadSent - s.buffered;
		const down = Math.max(0, ((arrived(sample) - arrived(before)) * 8) / seconds);
		const up = Math.max(0, ((sample.payloadReceived - before.payloadReceived) * 8) / seconds);
		this.goodput.add(sample.time / 1000, down, up);
		legend("legend-goodput", `↓ ${rate(down)}`, `↑ ${rate(up)}`);
	}

	showFacts(s) {
		const at = (address, port) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);
		byId("fact-path").textContent = s.path ? `${at(s.path.remote, s.path.remotePort)} → ${at(s.path.local, s.path.localPort)} ${s.path.protocol}` : "–";
		byId("fact-cipher").textContent = s.cipher;
		byId("fact-times").textContent = `${ms(this.connection.openedAfter)} (at the server: ICE ${ms(s.phases.ice)}, DTLS ${ms(s.phases.dtls)}, SCTP ${ms(s.phases.sctp)})`;
		byId("fact-retransmitted").textContent = `${s.retransmitted} chunks`;
		byId("fact-peers").textContent = `${s.peers}`;
	}
}
