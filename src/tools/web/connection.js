// connection: one RTCPeerConnection to the server, made by one POST.
//
// The offer leaves at once, without waiting for candidates: the server's are in the answer, and it learns ours from the first check
// that reaches it. Events: "state" (detail: the state), "channel" (detail: one that the server opened).
//
// States: idle, connecting, connected, disconnected (nothing comes from the server; life.js decides), waiting (it ended, and
// retry.js connects again), failed (it ended, and another try would not help), closed (the user ended it).

const CHANNELS = {
	chat: {},
	echo: {},
	files: {},
	ping: { ordered: false, maxRetransmits: 0 },
	stats: {},
	throughput: {},
};

const ANSWER_WITHIN = 10000; // ms for the answer to an offer
const KNOWN_WITHIN = 2000; // ms for the answer to "do you know me?"
const FIRST_MESSAGE = 4000; // ms from DTLS to the first sample: SCTP and the channels open in between

// How a connection ended, as a sentence for people. again: another try may help, `after` seconds at the earliest.
class Ending extends Error {
	constructor(text, { again = true, after = 0, status = 0 } = {}) {
		super(text);
		Object.assign(this, { again, after, status });
	}

	static of(error) {
		if (error instanceof Ending) return error;
		// fetch() fails with a TypeError for every reason of the network.
		if (error instanceof TypeError || error.name === "TimeoutError") return new Ending("The server does not answer.");
		return new Ending(`The connection cannot be made: ${error.message ?? error}.`, { again: false });
	}
}

async function refusal(response) {
	const { status } = response;
	const text = (await response.text()).trim();
	const again = status >= 500 || status === 429 || status === 408;
	return new Ending(`The server refuses the connection (${status}): ${text}.`, { again, after: Number(response.headers.get("Retry-After")) || 0, status });
}

export class Connection extends EventTarget {
	state = "idle";
	error = "";
	channels = {};
	pc = null;
	location = null;
	negotiating = false;
	openedAfter = undefined; // ms from connect() to the first open channel
	connectedAt = undefined; // performance.now(), of the last time
	heardAt = 0; // when the last message came, on whichever channel
	retryAfter = 0; // seconds that the server asks to be left alone

	setState(state, error = "") {
		if (this.state === state && this.error === error) return;
		this.state = state;
		this.error = error;
		this.dispatchEvent(new CustomEvent("state", { detail: state }));
	}

	get maxMessageSize() {
		return this.pc?.sctp?.maxMessageSize || 65536;
	}

	async connect() {
		if (this.pc) this.disconnect();
		const why = this.state === "waiting" ? this.error : ""; // stays to be read while it is tried again
		this.openedAfter = this.connectedAt = undefined;
		this.setState("connecting", why);
		let pc = null;
		try {
			pc = this.pc = new RTCPeerConnection();
			this.openChannels(pc);
			pc.addEventListener("connectionstatechange", () => this.followState(pc));
			this.dispatchEvent(new Event("channels"));
			await this.negotiate("/connect");
		} catch (error) {
			if (this.pc === pc) this.end(Ending.of(error));
		}
	}

	openChannels(pc) {
		const began = performance.now();
		for (const [label, options] of Object.entries(CHANNELS)) {
			this.channels[label] = this.listen(pc.createDataChannel(label, options));
			this.channels[label].addEventListener("open", () => (this.openedAfter ??= performance.now() - began));
		}
		// The server says goodbye by closing its channels; browsers tell of that before anything else.
		this.channels.chat.addEventListener("close", () => this.pc === pc && this.end(new Ending("The server ended the connection.")));
		pc.addEventListener("datachannel", (event) => this.dispatchEvent(new CustomEvent("channel", { detail: this.listen(event.channel) })));
	}

	// What all channels have in common, those that others open on this connection included.
	listen(channel) {
		channel.binaryType = "arraybuffer";
		channel.addEventListener("message", () => (this.heardAt = performance.now()));
		return channel;
	}

	async restartIce() {
		if (!this.location || this.negotiating) return;
		this.pc.restartIce();
		try {
			await this.negotiate(this.location);
		} catch (error) {
			if (error.status !== 404) throw error;
			this.lose("The server no longer knows this connection.", false);
		}
	}

	async negotiate(url) {
		const { pc } = this;
		this.negotiating = true;
		try {
			await pc.setLocalDescription(await pc.createOffer());
			const response = await fetch(url, {
				method: "POST",
				headers: { "Content-Type": "application/sdp" },
				body: pc.localDescription.sdp,
				signal: AbortSignal.timeout(ANSWER_WITHIN),
			});
			if (!response.ok) throw await refusal(response);
			const text = await response.text();
			const location = response.headers.get("Location");
			if (this.pc !== pc) {
				this.hangUp(location);
				return;
			}
			this.location = location;
			await pc.setRemoteDescription({ type: "answer", sdp: text });
		} finally {
			if (this.pc === pc || !this.pc) this.negotiating = false;
		}
	}

	// Does the server know this connection? A list of candidates without any changes nothing and gets 204, or 404. Undefined when
	// the answer is another one; throws when there is none.
	async isKnown() {
		const response = await fetch(this.location, {
			method: "PATCH",
			headers: { "Content-Type": "application/trickle-ice-sdpfrag" },
			body: "",
			signal: AbortSignal.timeout(KNOWN_WITHIN),
		});
		return response.ok ? true : response.status === 404 ? false : undefined;
	}

	followState(pc) {
		if (this.pc !== pc) return;
		if (pc.connectionState === "failed") this.end(new Ending("The connection failed: there is no path, or nothing came for too long."));
		if (pc.connectionState !== "connected" || this.state !== "connecting") return;
		this.connectedAt = performance.now();
		this.heardAt = this.connectedAt + FIRST_MESSAGE;
		this.setState("connected");
	}

	// Ends it from this side, to be made again.
	lose(text, known = true) {
		this.end(new Ending(text, { status: known ? 0 : 404 }));
	}

	end(ending) {
		if (ending.status !== 404) this.hangUp(this.location);
		this.drop();
		this.retryAfter = ending.after;
		this.setState(ending.again ? "waiting" : "failed", ending.message);
	}

	drop() {
		const { pc } = this;
		this.pc = this.location = null;
		this.negotiating = false;
		this.channels = {};
		pc?.close();
	}

	hangUp(location) {
		if (location) fetch(location, { method: "DELETE", keepalive: true }).catch(() => {});
	}

	// Closing tells the server over the connection itself. The word by HTTP is for when that cannot be relied on: there is no
	// connection yet, nothing comes through, or the page is going away.
	disconnect(leaving = false) {
		if (this.state === "idle") return;
		if (leaving || this.state !== "connected") this.hangUp(this.location);
		this.drop();
		this.setState("closed");
	}
}
