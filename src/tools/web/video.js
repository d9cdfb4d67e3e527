// video: publishes a camera, the screen or a file to a room of this server, and shows it with graphs.
//
// States: idle, asking (for the camera or the screen), connecting, live, failed (video-error says why).

import { byId, setText } from "./format.js";
import { MediaPlots } from "./media_plots.js";
import { hangUp, negotiate } from "./whip.js";

const WORDS = { idle: "off", asking: "waiting for permission …", connecting: "connecting …", live: "live", failed: "failed" };

// Layers of a camera's picture: each watcher gets the largest that its path carries.
const LAYERS = [
	{ rid: "q", scaleResolutionDownBy: 4, maxBitrate: 200e3 },
	{ rid: "h", scaleResolutionDownBy: 2, maxBitrate: 700e3 },
	{ rid: "f", maxBitrate: 2.5e6 },
];

// What getUserMedia() and getDisplayMedia() throw, as sentences.
const REASONS = {
	NotFoundError: "There is no camera and no microphone on this device.",
	NotReadableError: "The camera is used by another program.",
	NotAllowedError: "Permission was denied: allow the camera or the screen for this page, and try again.",
	OverconstrainedError: "This camera has no picture that can be used.",
};

const reason = (error) => REASONS[error.name] ?? error.message ?? String(error);
const randomName = () => Array.from(crypto.getRandomValues(new Uint8Array(5)), (n) => "abcdefghijkmnpqrstuvwxyz23456789"[n % 32]).join("");
const isRoom = (name) => /^[A-Za-z0-9._-]{1,64}$/.test(name);

// Without a microphone the picture goes alone, and the other way round.
async function openCamera() {
	if (!navigator.mediaDevices) throw new Error("Browsers give a camera only to pages of https: and of localhost.");
	const video = { width: { ideal: 1280 }, height: { ideal: 720 } };
	try {
		return await navigator.mediaDevices.getUserMedia({ video, audio: true });
	} catch (error) {
		if (error.name !== "NotFoundError") throw error;
		return navigator.mediaDevices.getUserMedia({ video });
	}
}

async function openScreen() {
	if (!navigator.mediaDevices?.getDisplayMedia) throw new Error("This browser cannot share a screen, or not for a page without https:.");
	return navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
}

export class Video {
	state = "idle";
	error = "";
	pc = null;
	stream = null;
	location = null;

	constructor() {
		this.plots = new MediaPlots("video", true);
		this.preview = byId("video-preview");
		byId("video-room").value = randomName();
		byId("video-open").addEventListener("click", () => this.open(byId("video-panel").hidden));
		byId("video-camera").addEventListener("click", () => this.publish(openCamera, LAYERS));
		byId("video-screen").addEventListener("click", () => this.publish(openScreen));
		byId("video-file").addEventListener("change", () => this.publishFile(byId("video-file").files[0]));
		byId("video-stop").addEventListener("click", () => this.stop());
		addEventListener("pagehide", () => this.stop());
		this.show("idle");
	}

	open(on) {
		byId("video-panel").hidden = !on;
		byId("video-open").setAttribute("aria-expanded", String(on));
		if (on) byId("video-camera").focus();
	}

	show(state, error = "") {
		Object.assign(this, { state, error });
		const on = state === "connecting" || state === "live";
		byId("video-state").dataset.state = state;
		setText("video-state", WORDS[state]);
		byId("video-notice").hidden = !error;
		setText("video-error", error);
		byId("video-live").hidden = !on;
		byId("video-stop").hidden = !on && state !== "asking";
		for (const id of ["video-camera", "video-screen", "video-file", "video-room"]) byId(id).disabled = on || state === "asking";
	}

	// A file plays in the preview, and what it shows is what is sent.
	async openFile(file) {
		const { preview } = this;
		const capture = preview.captureStream ?? preview.mozCaptureStream;
		if (!capture) throw new Error("This browser cannot send what a file shows.");
		this.fileUrl = URL.createObjectURL(file);
		preview.srcObject = null;
		preview.src = this.fileUrl;
		preview.loop = true;
		await preview.play().catch(() => {
			throw new Error("This browser cannot play that file.");
		});
		return capture.call(preview);
	}

	publishFile(file) {
		if (file) this.publish(() => this.openFile(file));
	}

	async publish(open, layers) {
		const room = byId("video-room").value.trim();
		this.stop();
		if (!isRoom(room)) {
			this.show("failed", "A room's name is 1 to 64 of A-Z a-z 0-9 - _ and the dot.");
			return;
		}
		const turn = (this.turn = {}); // another press, or a stop, makes this one void
		try {
			this.show("asking");
			const stream = await open();
			if (this.turn !== turn) {
				for (const track of stream.getTracks()) track.stop();
				return;
			}
			this.stream = stream;
			await this.connect(room, layers);
		} catch (error) {
			if (this.turn === turn) this.fail(reason(error));
		}
	}

	async connect(room, layers) {
		const { stream, preview } = this;
		const pc = (this.pc = new RTCPeerConnection());
		if (!this.fileUrl) preview.srcObject = stream;
		preview.play().catch(() => {});
		this.show("connecting");
		for (const track of stream.getTracks()) {
			track.addEventListener("ended", () => this.pc === pc && this.stop()); // "Stop sharing" of the browser
			const sendEncodings = track.kind === "video" && layers ? layers : undefined;
			pc.addTransceiver(track, { direction: "sendonly", streams: [stream], ...(sendEncodings && { sendEncodings }) });
		}
		pc.addEventListener("connectionstatechange", () => this.follow(pc, room));
		this.plots.follow(pc);
		const location = await negotiate(pc, `/whip/${room}`);
		if (this.pc === pc) this.location = location;
		else hangUp(location);
	}

	follow(pc, room) {
		if (this.pc !== pc) return;
		if (pc.connectionState === "connected") {
			const link = byId("video-link");
			link.href = `/watch/${room}`;
			link.textContent = link.href;
			this.show("live");
		}
		if (pc.connectionState === "failed") this.fail("The connection failed: there is no path to the server, or it ended the session.");
	}

	fail(text) {
		this.drop();
		this.show("failed", text);
	}

	stop() {
		this.turn = null;
		if (this.state === "idle") return;
		this.drop();
		this.show("idle");
	}

	drop() {
		const { pc, preview } = this;
		this.pc = null;
		this.plots.stop();
		hangUp(this.location);
		this.location = null;
		pc?.close();
		for (const track of this.stream?.getTracks() ?? []) track.stop();
		this.stream = null;
		preview.pause();
		preview.srcObject = null;
		preview.removeAttribute("src");
		if (this.fileUrl) URL.revokeObjectURL(this.fileUrl);
		this.fileUrl = null;
		byId("video-file").value = "";
	}
}
