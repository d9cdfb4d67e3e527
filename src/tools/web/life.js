// life: does the server still live? It sends five samples a second, so silence shows long before ICE gives up. Then the server is
// asked over HTTP, which tells a dead server from a dead path:
//
//   it does not know this connection    it was restarted: the connection ends
//   no answer, twice                    it is gone: the connection ends
//   it knows this connection            the path is dead: ICE looks for another one, until the silence is too long

const LOOK_EVERY = 250;
const SILENT_AFTER = 1200;
const ASK_EVERY = 1000;
const RESTART_AFTER = 3000;
const HOPELESS_AFTER = 12000;

// Without a network this device can tell nothing about a server elsewhere.
const isLocal = /^(localhost|127\..*|\[::1\])$/.test(location.hostname);
const hasNetwork = () => navigator.onLine || isLocal;

export class Life {
	lookedAt = performance.now();
	askedAt = 0;
	asking = false;
	unanswered = 0;
	restarted = false;

	constructor(connection) {
		this.connection = connection;
		setInterval(() => this.look(performance.now()), LOOK_EVERY);
	}

	look(now) {
		const { connection } = this;
		const slept = now - this.lookedAt > SILENT_AFTER + ASK_EVERY;
		this.lookedAt = now;
		if (connection.state !== "connected" && connection.state !== "disconnected") return;
		// A page that was stopped itself has messages waiting, which count first.
		if (slept) connection.heardAt = Math.max(connection.heardAt, now);
		const silence = now - connection.heardAt;
		if (silence < SILENT_AFTER) this.itLives();
		else if (silence > HOPELESS_AFTER) connection.lose("Nothing has come from the server for too long.");
		else this.itIsSilent(now, silence);
	}

	itLives() {
		this.unanswered = 0;
		this.restarted = false;
		if (this.connection.state === "disconnected") this.connection.setState("connected");
	}

	itIsSilent(now, silence) {
		const { connection } = this;
		if (connection.state === "connected") connection.setState("disconnected", "Nothing comes from the server.");
		if (this.asking || now - this.askedAt < ASK_EVERY || !connection.location) return;
		this.askedAt = now;
		this.ask(silence);
	}

	async ask(silence) {
		const { connection } = this;
		const { pc } = connection;
		this.asking = true;
		const known = await connection.isKnown().catch(() => null);
		this.asking = false;
		if (connection.pc !== pc || connection.state !== "disconnected") return;
		this.unanswered = known === null ? this.unanswered + 1 : 0;
		if (known === false) connection.lose("The server was restarted.", false);
		else if (known === null) this.noAnswer();
		else if (known && silence > RESTART_AFTER && !this.restarted) this.restart();
	}

	noAnswer() {
		const text = hasNetwork() ? "The server does not answer." : "This device has no network.";
		if (this.unanswered > 1 && hasNetwork()) this.connection.lose(text);
		else this.connection.setState("disconnected", text);
	}

	restart() {
		this.restarted = true;
		this.connection.setState("disconnected", "The server lives, but nothing comes through: looking for another path.");
		this.connection.restartIce().catch(() => {}); // it is asked again, or the silence gets too long
	}
}
