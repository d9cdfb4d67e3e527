// files: to the server, from the server, and through it to somebody else. Each file has a channel of its own.

import { bytes, byId, element, rate, took } from "./format.js";

const CHUNK = 65536;
const HIGH = 1 << 20;
const LOW = 1 << 18;
const REPORT = 1 << 18; // bytes between two words about progress
const HASHED_MAX = 256 << 20; // larger ones would have to be in memory twice

async function sha256(blob) {
	if (!globalThis.crypto?.subtle || blob.size > HASHED_MAX) return null; // only where the page came over a trusted path
	const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
	return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// One line of the list, with its progress.
class Transfer {
	state = "waiting";
	complete = false; // every byte is there; what follows is only the check
	done = 0;
	began = performance.now();

	constructor(direction, name, size) {
		Object.assign(this, { direction, name, size });
		this.text = element("span", { class: "text" });
		this.bar = element("progress", { max: Math.max(size, 1), value: 0, "aria-label": `${name}, progress` });
		this.buttons = element("span", { class: "buttons" });
		this.cancelButton = element("button", { type: "button", class: "quiet" }, "Cancel");
		this.cancelButton.addEventListener("click", () => this.cancel?.());
		this.buttons.append(this.cancelButton);
		const arrow = { up: "↑", down: "↓", out: "→", in: "←" }[direction];
		this.row = element("li", { "data-testid": "transfer", "data-name": name, "data-direction": direction }, element("span", { class: "name" }, element("span", {}, arrow), element("span", { dir: "auto", class: "name" }, name)), this.text, this.buttons, this.bar);
		byId("transfers").prepend(this.row);
		this.finished = new Promise((resolve) => (this.resolve = resolve));
		this.show("waiting", "waiting");
	}

	show(state, text) {
		this.state = state;
		this.row.dataset.state = state;
		this.text.textContent = text;
	}

	progress(done) {
		this.done = done;
		this.bar.value = done;
		const seconds = (performance.now() - this.began) / 1000;
		this.show("moving", `${bytes(done)} of ${bytes(this.size)}, ${rate((done * 8) / Math.max(seconds, 1e-3))}`);
	}

	start(size = this.size) {
		this.size = size;
		this.bar.max = Math.max(size, 1);
		this.began = performance.now();
		this.progress(0);
	}

	end(state, text) {
		if (this.state === "done" || this.state === "failed") return;
		this.cancelButton.remove();
		if (state === "done") this.bar.value = this.bar.max;
		this.show(state, text);
		this.resolve(this);
	}

	finish(note = "") {
		const seconds = Math.max((performance.now() - this.began) / 1000, 1e-3);
		this.end("done", `${bytes(this.size)} in ${took(seconds)}${note}`);
	}

	fail(why) {
		this.end("failed", why);
	}
}

export class Files {
	list = [];
	transfers = [];
	enabled = false;
	maxSize = 0;
	channel = null;

	constructor(connection, chat) {
		this.connection = connection;
		this.chat = chat;
		const input = byId("file-input");
		const zone = byId("drop-zone");
		input.addEventListener("change", () => {
			this.sendAll([...input.files]);
			input.value = "";
		});
		for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => this.drag(event, true));
		for (const name of ["dragleave", "drop"]) zone.addEventListener(name, (event) => this.drag(event, false));
		zone.addEventListener("drop", (event) => this.sendAll([...event.dataTransfer.files]));
		byId("send-to").addEventListener("change", () => this.showTarget());
		chat.addEventListener("people", () => this.showPeople());
	}

	drag(event, over) {
		event.preventDefault();
		byId("drop-zone").classList.toggle("over", over);
	}

	attach(channel) {
		this.channel = channel;
		channel.addEventListener("message", (event) => {
			const message = JSON.parse(event.data);
			if (message.type !== "files") return;
			this.enabled = message.enabled;
			this.maxSize = message.maxSize;
			this.showList(message.files);
			this.showTarget();
		});
	}

	detach() {
		this.channel = null;
		this.enabled = false;
		this.showList([]);
		this.showTarget();
		for (const transfer of this.transfers) if (!transfer.complete) transfer.fail("the connection ended");
	}

	// ---- what is there, and to whom ----

	showPeople() {
		const select = byId("send-to");
		const chosen = select.value;
		const others = this.chat.people.filter((p) => p.id !== this.chat.id);
		select.replaceChildren(
			element("option", { value: "" }, "the server"),
			...others.map((p) => element("option", { value: String(p.id) }, p.name)),
		);
		select.value = others.some((p) => String(p.id) === chosen) ? chosen : "";
		this.showTarget();
	}

	showTarget() {
		const open = this.channel?.readyState === "open";
		const toServer = byId("send-to").value === "";
		byId("send-to").disabled = !open;
		byId("file-input").disabled = !open || (toServer && !this.enabled);
		byId("drop-zone").classList.toggle("off", byId("file-input").disabled);
		if (!open) byId("file-note").textContent = "Files can be sent once there is a connection.";
		else if (!toServer) byId("file-note").textContent = "It goes through the server, which keeps nothing of it.";
		else if (this.enabled) byId("file-note").textContent = `At most ${bytes(this.maxSize)} a file.`;
		else byId("file-note").textContent = "This server keeps no files (it was started without --files).";
	}

	showList(files) {
		this.list = files.sort((a, b) => a.name.localeCompare(b.name));
		const rows = this.list.map((file) => {
			const button = element("button", { type: "button", class: "quiet", "data-testid": "download", "aria-label": `Download ${file.name}` }, "Download");
			button.addEventListener("click", () => this.download(file.name));
			return element("li", { "data-testid": "server-file", "data-name": file.name }, element("span", { class: "name", dir: "auto" }, file.name), element("span", { class: "size" }, bytes(file.size)), button);
		});
		byId("file-list").replaceChildren(...(rows.length ? rows : [element("li", { class: "empty" }, this.enabled ? "nothing yet" : "–")]));
	}

	// ---- a channel for one file ----

	begin(direction, name, size, channel) {
		const transfer = new Transfer(direction, name, size);
		this.transfers.push(transfer);
		transfer.cancel = () => {
			transfer.fail("cancelled");
			channel.close();
		};
		channel.addEventListener("close", () => transfer.complete || transfer.fail("the connection ended"));
		return transfer;
	}

	open(label) {
		const channel = this.connection.pc.createDataChannel(label);
		channel.binaryType = "arraybuffer";
		return channel;
	}

	// Returns the transfers; each has a promise `finished`.
	sendAll(files) {
		if (byId("file-input").disabled) return [];
		const to = byId("send-to").value;
		return files.map((file) => (to === "" ? this.upload(file) : this.offer(file, Number(to))));
	}

	async pour(channel, file, transfer) {
		channel.bufferedAmountLowThreshold = LOW;
		const size = Math.min(CHUNK, this.connection.maxMessageSize);
		for (let at = 0; at < file.size; at += size) {
			const piece = await file.slice(at, at + size).arrayBuffer();
			if (channel.bufferedAmount > HIGH) await new Promise((resolve) => {
				channel.addEventListener("bufferedamountlow", resolve, { once: true });
				channel.addEventListener("close", resolve, { once: true });
			});
			if (channel.readyState !== "open" || transfer.state === "failed") return;
			channel.send(piece);
		}
	}

	// What all senders do: say what it is, wait for the word to begin, pour, follow the progress.
	send(file, channel, transfer, hello, go) {
		channel.addEventListener("open", () => channel.send(JSON.stringify(hello)));
		channel.addEventListener("message", async (event) => {
			const message = JSON.parse(event.data);
			if (message.type === go) {
				transfer.start();
				this.pour(channel, file, transfer).catch((error) => {
					transfer.fail(`cannot be read: ${error.message}`);
					channel.close();
				});
			} else if (message.type === "progress") {
				transfer.progress(message.bytes);
			} else if (message.type === "done") {
				transfer.complete = true;
				channel.close();
				const ours = message.sha256 ? await sha256(file) : null;
				if (ours && ours !== message.sha256) transfer.fail("what arrived is not the same");
				else transfer.finish(ours ? ", hash checked" : "");
			} else {
				transfer.fail(message.type === "decline" ? "declined" : (message.text ?? "not understood"));
				channel.close();
			}
		});
	}

	upload(file) {
		const channel = this.open("upload");
		const transfer = this.begin("up", file.name, file.size, channel);
		this.send(file, channel, transfer, { type: "upload", name: file.name, size: file.size }, "ready");
		return transfer;
	}

	offer(file, to) {
		const channel = this.open("relay");
		const transfer = this.begin("out", file.name, file.size, channel);
		this.send(file, channel, transfer, { type: "offer", to, name: file.name, size: file.size }, "accept");
		return transfer;
	}

	// What all receivers do with a piece.
	take(transfer, piece) {
		transfer.parts.push(piece);
		transfer.got += piece.byteLength;
		if (transfer.parts.length >= 256) transfer.parts = [new Blob(transfer.parts)]; // out of the script's memory
		transfer.progress(transfer.got);
	}

	// Offers the file to be saved.
	async keep(transfer, hash) {
		const blob = new Blob(transfer.parts);
		transfer.complete = true;
		transfer.parts = [];
		transfer.blob = blob;
		const ours = hash ? await sha256(blob) : null;
		transfer.verified = ours !== null && ours === hash;
		if (ours && ours !== hash) {
			transfer.fail("what arrived is not the same");
			return;
		}
		const link = element("a", { href: URL.createObjectURL(blob), download: transfer.name, "data-testid": "save" }, "Save");
		transfer.buttons.append(link);
		transfer.finish(transfer.verified ? ", hash checked" : "");
		link.click();
	}

	download(name) {
		const channel = this.open("download");
		const transfer = this.begin("down", name, 0, channel);
		Object.assign(transfer, { parts: [], got: 0 });
		channel.addEventListener("open", () => channel.send(JSON.stringify({ type: "download", name })));
		channel.addEventListener("message", (event) => {
			if (typeof event.data !== "string") {
				this.take(transfer, event.data);
				return;
			}
			const message = JSON.parse(event.data);
			if (message.type === "begin") {
				transfer.start(message.size);
				return;
			}
			if (message.type !== "done") transfer.fail(message.text ?? "not understood");
			else if (message.bytes !== transfer.got) transfer.fail("bytes are missing");
			else this.keep(transfer, message.sha256);
			channel.close();
		});
		return transfer;
	}

	// ---- from somebody else ----

	incoming(channel) {
		let transfer = null;
		channel.addEventListener("message", (event) => {
			if (transfer && typeof event.data !== "string") {
				this.receivePiece(channel, transfer, event.data);
				return;
			}
			const message = typeof event.data === "string" ? JSON.parse(event.data) : {};
			if (!transfer && message.type === "offer") transfer = this.ask(channel, message);
			else if (message.type === "error") transfer?.fail(message.text);
		});
	}

	ask(channel, { fromName, name, size }) {
		const transfer = this.begin("in", name, size, channel);
		Object.assign(transfer, { parts: [], got: 0, told: 0 });
		transfer.show("waiting", `${fromName} offers ${bytes(size)}`);
		const accept = element("button", { type: "button", class: "primary", "data-testid": "accept" }, "Accept");
		const decline = element("button", { type: "button", "data-testid": "decline" }, "Decline");
		const answer = (type) => {
			accept.remove();
			decline.remove();
			if (channel.readyState === "open") channel.send(JSON.stringify({ type }));
		};
		accept.addEventListener("click", () => {
			answer("accept");
			transfer.start();
			if (size === 0) this.receivePiece(channel, transfer, new ArrayBuffer(0));
		});
		decline.addEventListener("click", () => {
			answer("decline");
			transfer.fail("declined");
		});
		transfer.finished.then(() => (accept.remove(), decline.remove()));
		transfer.cancelButton.remove();
		transfer.buttons.append(accept, decline);
		return transfer;
	}

	receivePiece(channel, transfer, piece) {
		this.take(transfer, piece);
		if (transfer.got >= transfer.size) {
			channel.send(JSON.stringify({ type: "done", bytes: transfer.got }));
			this.keep(transfer, null);
		} else if (transfer.got - transfer.told >= REPORT) {
			transfer.told = transfer.got;
			channel.send(JSON.stringify({ type: "progress", bytes: transfer.got }));
		}
	}
}
