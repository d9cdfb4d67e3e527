// app: puts the parts together, shows the state, and tells scripts about it (window.sluice; the ids are listed in index.html).

import { Chat } from "./chat.js";
import { Connection } from "./connection.js";
import { Echo } from "./echo.js";
import { Files } from "./files.js";
import { byId, setText } from "./format.js";
import { Life } from "./life.js";
import { Retry } from "./retry.js";
import { Stats } from "./stats.js";
import { Throughput } from "./throughput.js";
import { Video } from "./video.js";

// What the pill says, what the two buttons say ("" for hidden), and whether what the cards show is of the past (undefined: as before).
const LOOKS = {
	idle: { word: "not connected", connect: "Connect", disconnect: "", stale: false },
	connecting: { word: "connecting …", connect: "", disconnect: "Cancel" },
	connected: { word: "connected", connect: "", disconnect: "Disconnect", stale: false },
	disconnected: { word: "no answer …", connect: "", disconnect: "Disconnect", stale: true },
	waiting: { word: "not connected", connect: "Try now", disconnect: "Stop trying", stale: true },
	failed: { word: "failed", connect: "Connect again", disconnect: "", stale: true },
	closed: { word: "closed", connect: "Connect again", disconnect: "", stale: true },
};

const connection = new Connection();
const stats = new Stats(connection);
const echo = new Echo();
const chat = new Chat();
const files = new Files(connection, chat);
const throughput = new Throughput(connection);
const video = new Video(); // has a connection of its own
const parts = [stats, echo, chat, files, throughput];

for (const part of parts) part.detach();

connection.addEventListener("channels", () => {
	const { channels } = connection;
	stats.attach(channels.stats, channels.ping);
	echo.attach(channels.echo, channels.ping, (time) => stats.addRoundTrip(time));
	chat.attach(channels.chat);
	files.attach(channels.files);
	throughput.attach(channels.throughput);
});

connection.addEventListener("channel", (event) => {
	if (event.detail.label === "relay") files.incoming(event.detail);
});

function showButton(id, text) {
	byId(id).hidden = !text;
	if (text) setText(id, text);
}

function showState(state, error) {
	const look = LOOKS[state];
	byId("connection-state").dataset.state = state;
	setText("connection-state", look.word);
	showButton("connect", look.connect);
	showButton("disconnect", look.disconnect);
	byId("restart-ice").disabled = state !== "connected" && state !== "disconnected";
	byId("notice").hidden = !error;
	setText("error", error);
	if (look.stale !== undefined) byId("cards").dataset.stale = String(look.stale);
}

// Numbers of the present go as soon as nothing comes; the rest when the connection is over.
connection.addEventListener("state", () => {
	const { state, error, pc } = connection;
	showState(state, error);
	if (state === "disconnected") for (const part of [stats, echo]) part.blank();
	if (!pc) for (const part of parts) part.detach();
});

new Life(connection);
const retry = new Retry(connection, (seconds) => setText("again", seconds === undefined ? "" : `Trying again in ${seconds} s.`));

const restartIce = () => connection.restartIce().catch((error) => connection.setState(connection.state, error.message));

byId("connect").addEventListener("click", () => connection.connect());
byId("disconnect").addEventListener("click", () => connection.disconnect());
byId("restart-ice").addEventListener("click", restartIce);
addEventListener("pagehide", () => connection.disconnect(true));
addEventListener("pageshow", (event) => event.persisted && connection.connect()); // back from the browser's memory

window.sluice = {
	get state() {
		return connection.state;
	},
	get error() {
		return connection.error;
	},
	get openedAfter() {
		return connection.openedAfter;
	},
	get id() {
		return chat.id;
	},
	get samples() {
		return stats.samples;
	},
	get rtt() {
		return echo.rtt;
	},
	connection,
	retry,
	stats,
	echo,
	chat,
	files,
	throughput,
	video,
	connect: () => connection.connect(),
	disconnect: () => connection.disconnect(),
	restartIce,
};

if (!new URLSearchParams(location.search).has("manual")) connection.connect();
