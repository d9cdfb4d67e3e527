/* ends: the two kinds of end that a test talks to, a page in a browser and a process that reads and writes JSON lines. Both
 * have call(command, arguments), which gives the answer or throws, and `tell`, which is called with what came unasked. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/* Resolves with the promise, or throws what was awaited when the time is over. */
export function within(ms, what, promise) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms / 1000} s`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class PageEnd {
	constructor(name, page) {
		this.name = name;
		this.page = page;
		this.tell = () => {};
	}

	static async make(name, browser, url) {
		const page = await browser.newPage();
		const end = new PageEnd(name, page);
		await page.exposeFunction('tell', event => end.tell(event));
		await page.goto(url);
		return end;
	}

	async call(command, o = {}, ms = 20000) {
		/* eslint-disable-next-line no-undef */
		const answer = await within(ms, `${this.name} ${command}`, this.page.evaluate((c, a) => run(c, a), command, o));
		if (answer.error)
			throw new Error(`${this.name} ${answer.error}`);
		return answer;
	}

	async stop() {
		await this.page.close();
	}
}

/* Lines of JSON from and to a process, without an idea what they mean. */
export class Lines {
	constructor(name, argv, { netns, env } = {}) {
		this.name = name;
		const all = netns ? ['ip', 'netns', 'exec', netns, ...argv] : argv;
		this.child = spawn(all[0], all.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
		this.stderr = '';
		this.child.stderr.on('data', data => {
			this.stderr = (this.stderr + data).slice(-4000);
		});
		this.child.stdin.on('error', () => {});
		this.on_line = () => {};
		this.on_end = () => {};
		this.exited = new Promise(resolve => {
			this.child.on('error', e => resolve({ code: null, signal: null, error: e }));
			this.child.on('exit', (code, signal) => resolve({ code, signal }));
		});
		this.exited.then(how => {
			this.gone = how;
			this.on_end(how);
		});
		createInterface({ input: this.child.stdout }).on('line', line => {
			let object;
			try {
				object = JSON.parse(line);
			} catch {
				this.stderr += `\n(no JSON on stdout: ${line.slice(0, 200)})`;
				return;
			}
			this.on_line(object);
		});
	}

	write(object) {
		this.child.stdin.write(`${JSON.stringify(object)}\n`);
	}

	/* How it ended, as text. */
	epitaph() {
		const how = this.gone?.error ? this.gone.error.message : `exit ${this.gone?.code ?? this.gone?.signal}`;
		return `${this.name} is gone (${how})${this.stderr ? `: ${this.stderr.trim().split('\n').slice(-6).join(' | ')}` : ''}`;
	}

	/* Closes stdin; the process has to end by itself, with status 0. */
	async finish(ms = 5000) {
		this.child.stdin.end();
		const how = await within(ms, `${this.name} to end behind the end of its stdin`, this.exited);
		if (how.code !== 0)
			throw new Error(this.epitaph());
	}

	async kill() {
		if (!this.gone) {
			this.child.kill('SIGKILL');
			await this.exited;
		}
	}
}

/* A program that understands the commands of page.js: {"seq":1,"do":"offer",...} in, {"seq":1,...} out. */
export class ProcessEnd {
	constructor(name, argv, where) {
		this.name = name;
		this.lines = new Lines(name, argv, where);
		this.tell = () => {};
		this.waiting = new Map();
		this.next = 1;
		this.lines.on_line = object => {
			const waiter = this.waiting.get(object.seq);
			if (!waiter) {
				this.tell(object);
				return;
			}
			this.waiting.delete(object.seq);
			if (object.error)
				waiter.reject(new Error(`${name} ${waiter.command}: ${object.error}`));
			else
				waiter.resolve(object);
		};
		this.lines.on_end = () => {
			for (const waiter of this.waiting.values())
				waiter.reject(new Error(this.lines.epitaph()));
			this.waiting.clear();
		};
	}

	call(command, o = {}, ms = 20000) {
		if (this.lines.gone)
			return Promise.reject(new Error(this.lines.epitaph()));
		const seq = this.next++;
		const answer = new Promise((resolve, reject) => this.waiting.set(seq, { command, resolve, reject }));
		this.lines.write({ ...o, seq, do: command });
		return within(ms, `${this.name} ${command}`, answer);
	}

	async stop() {
		await this.lines.finish();
	}
}
