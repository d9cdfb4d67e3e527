// app: puts the parts together, shows the state, and tells scripts about it (window.sluice; the ids are listed in index.html).

import { Chat } from "./chat.js";
import { Connection } from "./connection.js";
import { Echo } from "./echo.js";
import { Files } from "./files.js";
import { byId } from "./format.js";
import { Stats } from "./stats.js";
import { Throughput } from "./throughput.js";

const WORDS = {
	idle: "not connected",
	connecting: "connecting …",
	connected: "connected",
	disconnected: "nothing comes through …",
	failed: "failed",
	closed: "closed",
};

const connection = new Connection();
const stats = new Stats(connection);
const echo = new Echo();
const chat = new Chat();
const files = new Files(connection, chat);
const throughput = new Throughput(connection);

connection.addEventListener("channels", () => {
	const { pc, channels } = connection;
	stats.attach(channels.stats);
	echo.attach(channels.echo, channels.ping, (time) => stats.addRoundTrip(time));
	chat.attach(channels.chat);
	files.attach(channels.files);
	throughput.attach(channels.throughput);
	channels.chat.addEventListener("close", () => connection.channelGone(pc));
});

connection.addEventListener("channel", (event) => {
	if (event.detail.label === "relay") files.incoming(event.detail);
});

connection.addEventListener("state", () => {
	const { state, error } = connection;
	const busy = state === "connecting" || state === "connected" || state === "disconnected";
	const pill = byId("connection-state");
	pill.dataset.state = state;
	pill.textContent = WORDS[state] ?? state;
	byId("connect").hidden = busy;
	byId("connect").textContent = state === "idle" ? "Connect" : "Connect again";
	byId("disconnect").hidden = !busy;
	byId("restart-ice").disabled = state !== "connected" && state !== "disconnected";
	byId("error").hidden = !error;
	byId("error").textContent = error ? `Sorry: ${error}.` : "";
});

const restartIce = () => connection.restartIce().catch((error) => connection.setState(connection.state, error.message));

byId("connect").addEventListener("click", () => connection.connect());
byId("disconnect").addEventListener("click", () => connection.disconnect());
byId("restart-ice").addEventListener("click", restartIce);
addEventListener("pagehide", () => connection.disconnect(true));

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
	stats,
	echo,
	chat,
	files,
	throughput,
	connect: () => connection.connect(),
	disconnect: () => connection.disconnect(),
	restartIce,
};

if (!new URLSearchParams(location.search).has("manual")) connection.connect();
