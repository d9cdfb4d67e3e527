// connection: one RTCPeerConnection to the server, made by one POST.
//
// The offer leaves at once, without waiting for candidates: the server's are in the answer, and it learns ours from the first check
// that reaches it. Events: "state" (detail: the state), "channel" (detail: one that the server opened).

const CHANNELS = {
	chat: {},
	echo: {},
	files: {},
	ping: { ordered: false, maxRetransmits: 0 },
	stats: {},
	throughput: {},
};

export class Connection extends EventTarget {
	state = "idle";
	error = "";
	channels = {};
	pc = null;
	location = null;
	openedAfter = undefined; // ms from connect() to the first open channel

	setState(state, error = "") {
		if (this.state === state && !error) return;
		this.state = state;
		this.error = error;
		this.dispatchEvent(new CustomEvent("state", { detail: state }));
	}

	get maxMessageSize() {
		return this.pc?.sctp?.maxMessageSize || 65536;
	}

	async connect() {
		this.disconnect();
		const pc = new RTCPeerConnection();
		this.pc = pc;
		this.openedAfter = undefined;
		this.setState("connecting");
		const began = performance.now();
		for (const [label, options] of Object.entries(CHANNELS)) {
			this.channels[label] = pc.createDataChannel(label, options);
			this.channels[label].binaryType = "arraybuffer";
			this.channels[label].addEventListener("open", () => (this.openedAfter ??= performance.now() - began));
		}
		pc.addEventListener("datachannel", (event) => {
			event.channel.binaryType = "arraybuffer";
			this.dispatchEvent(new CustomEvent("channel", { detail: event.channel }));
		});
		pc.addEventListener("connectionstatechange", () => this.followState(pc));
		this.dispatchEvent(new Event("channels"));
		try {
			await this.negotiate("/connect");
		} catch (error) {
			if (this.pc === pc) this.end("failed", String(error.message ?? error));
		}
	}

	async restartIce() {
		if (!this.location) return;
		this.pc.restartIce();
		await this.negotiate(this.location);
	}

	async negotiate(url) {
		const { pc } = this;
		await pc.setLocalDescription(await pc.createOffer());
		const response = await fetch(url, {
			method: "POST",
			headers: { "Content-Type": "application/sdp" },
			body: pc.localDescription.sdp,
		});
		const text = await response.text();
		if (!response.ok) throw new Error(`the server refused the offer (${response.status}): ${text.trim()}`);
		const location = response.headers.get("Location");
		if (this.pc !== pc) {
			this.hangUp(location);
			return;
		}
		this.location = location;
		await pc.setRemoteDescription({ type: "answer", sdp: text });
	}

	followState(pc) {
		if (this.pc !== pc) return;
		const { connectionState } = pc;
		if (connectionState === "failed") this.end("failed", "the connection failed: no path, or nothing came for too long");
		else if (connectionState === "closed") this.end("closed");
		else if (connectionState !== "new") this.setState(connectionState);
	}

	// The server says goodbye by closing its channels and the association; browsers tell of it on the channels first.
	channelGone(pc) {
		if (this.pc === pc) this.end("closed", "the server ended the connection");
	}

	end(state, error = "") {
		const { pc, location } = this;
		this.pc = null;
		this.location = null;
		this.channels = {};
		pc?.close();
		if (location && state !== "closed") this.hangUp(location);
		this.setState(state, error);
	}

	hangUp(location) {
		if (location) fetch(location, { method: "DELETE", keepalive: true }).catch(() => {});
	}

	// Closing tells the server over the connection itself. The word by HTTP is for when that cannot be relied on: there is no
	// connection yet, or the page is going away.
	disconnect(leaving = false) {
		if (!this.pc) return;
		if (leaving || this.state !== "connected") this.hangUp(this.location);
		this.location = null;
		this.end("closed");
	}
}
