// retry: when is a lost connection made again? After half a second to one, then twice as long each time, up to half a minute; at
// once when the network or the reader comes back.

const FIRST = 1;
const LONGEST = 30;
const STABLE_AFTER = 10000; // ms: a connection that lived as long was not refused

export class Retry {
	tries = 0;
	timer = 0;
	until = 0;

	// show(seconds): how long it still is, undefined when nothing is waited for.
	constructor(connection, show) {
		Object.assign(this, { connection, show });
		connection.addEventListener("state", () => this.follow());
		addEventListener("online", () => this.early());
		document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.early());
	}

	follow() {
		clearInterval(this.timer);
		const { state, connectedAt } = this.connection;
		if (state === "waiting") {
			if (performance.now() - connectedAt > STABLE_AFTER) this.tries = 0;
			this.wait();
			return;
		}
		if (state === "closed") this.tries = 0;
		this.show(undefined);
	}

	// The random part keeps the pages of one server from coming back to it at the same moment.
	wait() {
		const seconds = Math.min(LONGEST, FIRST * 2 ** this.tries++) * (0.5 + Math.random() / 2);
		this.until = performance.now() + Math.max(seconds, this.connection.retryAfter) * 1000;
		this.timer = setInterval(() => this.look(), 250);
		this.look();
	}

	look() {
		const left = (this.until - performance.now()) / 1000;
		if (left <= 0) this.now();
		else this.show(Math.ceil(left));
	}

	early() {
		if (!this.connection.retryAfter) this.now();
	}

	now() {
		if (this.connection.state === "waiting") this.connection.connect();
	}
}
