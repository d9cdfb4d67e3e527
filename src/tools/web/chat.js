// chat: one room for all who are connected.

import { appendLine, byId, element, followEnd } from "./format.js";

export class Chat extends EventTarget {
	id = 0;
	name = "";
	chosen = ""; // the name that was asked for: it is asked for again on the next connection
	people = [];
	lines = [];
	channel = null;

	constructor() {
		super();
		followEnd(byId("chat-log"));
		byId("chat-form").addEventListener("submit", (event) => {
			event.preventDefault();
			const input = byId("chat-input");
			if (this.say(input.value)) input.value = "";
		});
		byId("chat-name").addEventListener("change", (event) => this.rename(event.target.value));
	}

	attach(channel) {
		this.channel = channel;
		channel.addEventListener("open", () => this.enable(true));
		channel.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
	}

	detach() {
		if (!this.channel) return;
		this.channel = null;
		this.enable(false);
		if (this.id) this.aside("The connection ended.");
		this.id = 0;
	}

	enable(on) {
		byId("chat-send").disabled = byId("chat-name").disabled = !on;
		if (on) return;
		this.people = [];
		this.showPeople();
	}

	send(message) {
		if (this.channel?.readyState !== "open") return false;
		this.channel.send(JSON.stringify(message));
		return true;
	}

	say(text) {
		return text.trim() !== "" && this.send({ type: "say", text: text.trim() });
	}

	rename(name) {
		if (name.trim() === "") byId("chat-name").value = this.name;
		else if (this.send({ type: "name", name: name.trim() })) this.chosen = name.trim();
	}

	receive(message) {
		if (message.type === "welcome") this.welcome(message);
		else if (message.type === "people") this.meet(message.people);
		else if (message.type === "said") this.show(message);
		else if (message.type === "error") this.aside(message.text);
	}

	welcome({ you, name }) {
		this.id = you;
		this.setName(name);
		this.aside(`You came in as ${name}.`);
		if (this.chosen) this.rename(this.chosen);
	}

	setName(name) {
		this.name = name;
		if (document.activeElement !== byId("chat-name")) byId("chat-name").value = name;
	}

	meet(people) {
		const before = new Map(this.people.map((p) => [p.id, p.name]));
		const now = new Map(people.map((p) => [p.id, p.name]));
		if (before.size > 0) {
			for (const [id, name] of now) {
				if (id !== this.id && !before.has(id)) this.aside(`${name} came in.`);
				else if (before.has(id) && before.get(id) !== name) this.aside(id === this.id ? `You are now ${name}.` : `${before.get(id)} is now ${name}.`);
			}
			for (const [id, name] of before) if (!now.has(id)) this.aside(`${name} left.`);
		}
		this.people = people;
		if (now.has(this.id)) this.setName(now.get(this.id));
		this.showPeople();
	}

	showPeople() {
		byId("chat-people").textContent = this.people.map((p) => (p.id === this.id ? `${p.name} (you)` : p.name)).join(", ") || "–";
		this.dispatchEvent(new Event("people"));
	}

	show({ from, name, text }) {
		this.lines.push({ from, name, text });
		if (this.lines.length > 300) this.lines.shift();
		appendLine(byId("chat-log"), element("li", { "data-testid": "chat-line" }, element("b", { dir: "auto" }, name), " ", element("span", { dir: "auto" }, text)));
	}

	aside(text) {
		appendLine(byId("chat-log"), element("li", { class: "aside" }, text));
	}
}
