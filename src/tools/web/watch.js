// watch: plays what somebody publishes in the room of the address, /watch/ROOM, and tells scripts about it (window.sluice).
//
// States: connecting, waiting (nobody publishes, or the connection ended: it is tried again), playing, blocked (the browser wants a
// press before it plays), failed (another try would not help).

import { byId, setText } from "./format.js";
import { MediaPlots } from "./media_plots.js";
import { hangUp, negotiate } from "./whip.js";

const WORDS = { connecting: "connecting …", waiting: "waiting …", playing: "live", blocked: "ready", failed: "failed" };
const AGAIN = 2; // seconds

const room = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const picture = byId("watch-picture");
const plots = new MediaPlots("watch", false);

let state = "";
let error = "";
let pc = null;
let session = null;
let timer = 0;

function show(next, text = "") {
	state = next;
	error = text;
	byId("watch-state").dataset.state = state;
	setText("watch-state", WORDS[state]);
	byId("watch-notice").hidden = !error;
	setText("watch-error", error);
	byId("watch-start").hidden = state !== "blocked";
	byId("watch-again").hidden = state !== "failed";
}

// Browsers let a picture without sound begin by itself; sound needs a press.
async function play() {
	try {
		await picture.play();
		show("playing");
	} catch (reason) {
		if (reason.name === "NotAllowedError") show("blocked");
	}
	byId("watch-sound").hidden = !picture.srcObject?.getAudioTracks().length || !picture.muted;
}

function drop() {
	const old = pc;
	pc = null;
	clearTimeout(timer);
	plots.stop();
	hangUp(session);
	session = null;
	old?.close();
}

function tryAgain(text, seconds) {
	drop();
	show("waiting", `${text} Trying again in ${seconds} s.`);
	timer = setTimeout(watch, seconds * 1000);
}

function followState(own) {
	if (pc !== own) return;
	if (own.connectionState === "failed" || own.connectionState === "closed") tryAgain("The connection ended.", AGAIN);
}

async function watch() {
	drop();
	if (state !== "waiting") show("connecting");
	const own = (pc = new RTCPeerConnection());
	const stream = new MediaStream();
	own.addTransceiver("audio", { direction: "recvonly" });
	own.addTransceiver("video", { direction: "recvonly" });
	own.addEventListener("connectionstatechange", () => followState(own));
	own.addEventListener("track", ({ track }) => {
		stream.addTrack(track);
		track.addEventListener("unmute", () => pc === own && play());
	});
	try {
		const url = await negotiate(own, `/whep/${room}`);
		if (pc !== own) {
			hangUp(url);
			return;
		}
		session = url;
		picture.srcObject = stream;
		plots.follow(own);
	} catch (reason) {
		if (pc !== own) return;
		const again = !reason.status || reason.status === 409 || reason.status === 429 || reason.status >= 500;
		if (again) tryAgain(reason.message, reason.after || AGAIN);
		else {
			drop();
			show("failed", reason.message);
		}
	}
}

setText("watch-room", room);
document.title = `${room} – sluice`;
byId("watch-start").addEventListener("click", () => play());
byId("watch-again").addEventListener("click", () => watch());
byId("watch-sound").addEventListener("click", () => {
	picture.muted = false;
	play();
});
addEventListener("pagehide", drop);
addEventListener("pageshow", (event) => event.persisted && watch());

window.sluice = {
	get state() {
		return state;
	},
	get error() {
		return error;
	},
	get samples() {
		return plots.samples;
	},
	get pc() {
		return pc;
	},
	room,
};

watch();
