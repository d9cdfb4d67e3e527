/* whip: programs of others publish to `sluice serve` by WHIP, and `sluice media` watches by WHEP what comes of it. What is waited
 * for comes sooner or later: the waits end cases that hang, and bound no speed. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { within } from './ends.mjs';
import { Obs, obs_end } from './obs.mjs';
import { skip, test } from './report.mjs';
import { service } from './services.mjs';

const run = promisify(execFile);
const OUT = process.env.INTEROP_OUT;
const SLUICE = `${OUT}/sluice`;
const FRAMES = fileURLToPath(new URL('frames.py', import.meta.url));
const TOKEN = 'interop-token';
const LONG = 180000; /* ms */

export async function rooms(netns, address) {
	const server = service('sluice serve', [SLUICE, 'serve', '--http', `${address}:8080`, '--token', TOKEN, '--verbose'], netns, /udp/);
	await server.ready;
	return { url: `http://${address}:8080`, said: server.said, stop: () => server.stop() };
}

/* `sluice media --receive` of a room. */
class Watcher {
	constructor(netns, url, room, folder) {
		this.folder = folder;
		this.frames = {};
		this.said = '';
		this.child = spawn('ip', ['netns', 'exec', netns, SLUICE, 'media', '--receive', folder, '--signal', `whep:${url}/whep/${room}#${TOKEN}`]);
		this.child.stderr.on('data', data => {
			this.said += data;
		});
		this.exited = new Promise(resolve => {
			this.child.on('exit', code => resolve(code));
		});
		createInterface({ input: this.child.stdout }).on('line', line => {
			this.said += `${line}\n`;
			const [, name, frames] = line.match(/^ .* s {2}(audio|video)-\d+ \S+ in .* (\d+) frames/) ?? [];
			if (name)
				this.frames[name] = (this.frames[name] ?? 0) + Number(frames);
			this.look?.();
		});
	}

	/* Resolves when so many frames of each came. */
	receives(wanted) {
		const all = new Promise((resolve, reject) => {
			this.look = () => Object.entries(wanted).every(([name, n]) => this.frames[name] >= n) && resolve();
			this.exited.then(code => reject(new Error(`sluice media ended with ${code}: ${this.said}`)));
		});
		return within(LONG, 'frames at the watcher', all).catch(e => Promise.reject(new Error(`${e.message}\n${this.said}`)));
	}

	/* Ends as Ctrl-C ends it, with its files whole. */
	async stop() {
		this.child.kill('SIGINT');
		return this.exited;
	}
}

/* Every picture that was received decodes, and the numbers go up one by one. */
async function check_video(path) {
	const { stdout } = await run('/usr/bin/python3', [FRAMES, 'read', path], { maxBuffer: 1 << 24 });
	const seen = JSON.parse(stdout);
	assert.equal(seen.errors, '', 'ffmpeg about the video');
	const { numbers } = seen;
	numbers.slice(1).forEach((n, i) => assert.ok(n === numbers[i] + 1 || n === 0, `picture ${n} behind ${numbers[i]}`));
	return numbers.length;
}

async function check_decodes(path) {
	const { stderr } = await run('ffmpeg', ['-nostdin', '-v', 'error', '-i', path, '-f', 'null', '-']);
	assert.equal(stderr, '', `ffmpeg about ${path}`);
}

/* Something publishes in the room; body gets a folder and a watcher that has seen so many frames. */
async function watched(netns, url, room, wanted, body) {
	const folder = await mkdtemp(join(tmpdir(), 'sluice-whip-'));
	const watcher = new Watcher(netns, url, room, folder);
	try {
		await watcher.receives(wanted);
		assert.equal(await watcher.stop(), 130, watcher.said);
		return await body(folder);
	} finally {
		watcher.child.kill('SIGKILL');
		await rm(folder, { recursive: true, force: true });
	}
}

const asks_to_end = url => fetch(url, { method: 'DELETE', headers: { Authorization: `Bearer ${TOKEN}` } });

export async function obs_cases(group, netns, { url }) {
	await test(group, 'what OBS publishes is watched, and its end ends the session', async () => {
		const obs = new Obs(`${OUT}/interop/media`);
		try {
			const { status, answer } = await obs.publish(`${url}/whip/obs`, TOKEN);
			assert.equal(status, 201, answer);
			assert.equal(answer.match(/^m=(audio|video) [1-9]/gm).length, 2, answer);
			const { session } = obs;
			const frames = await watched(netns, url, 'obs', { audio: 100, video: 45 }, async folder => {
				await check_decodes(`${folder}/audio-0-opus.ogg`);
				return check_video(`${folder}/video-1-H264.h264`);
			});
			assert.equal(await obs.stop(), 200, 'the status of DELETE');
			assert.equal((await asks_to_end(session)).status, 404);
			assert.ok(frames >= 30, `${frames} pictures`);
			return `${frames} pictures`;
		} finally {
			await obs.stop();
		}
	});

	await test(group, 'OBS with a wrong token, and in a room that is taken, hears so', async () => {
		const first = new Obs(`${OUT}/interop/media`), second = new Obs(`${OUT}/interop/media`), third = new Obs(`${OUT}/interop/media`);
		try {
			assert.equal((await first.publish(`${url}/whip/taken`, 'wrong')).status, 401);
			assert.equal((await second.publish(`${url}/whip/taken`, TOKEN)).status, 201);
			assert.equal((await third.publish(`${url}/whip/taken`, TOKEN)).status, 409);
		} finally {
			for (const obs of [first, second, third])
				await obs.stop();
		}
	});
	obs_end();
}

const gst_has = async element => run('gst-inspect-1.0', [element]).then(() => true, () => false);

/* `gst-launch-1.0 -e` ends its stream in order when it is interrupted. */
export async function gst_cases(group, netns, { url, said }) {
	if (!await gst_has('whipclientsink')) {
		skip(group, 'what whipclientsink publishes is watched', 'GStreamer has no whipclientsink here; it comes from the crate gst-plugin-webrtc');
		return;
	}
	await test(group, 'what whipclientsink publishes is watched, and its end ends the session', async () => {
		const child = spawn('gst-launch-1.0', ['-e', 'whipclientsink', 'name=w', `signaller::whip-endpoint=${url}/whip/gst`,
			`signaller::auth-token=${TOKEN}`, 'video-caps=video/x-vp8', 'stun-server=""',
			'videotestsrc', 'is-live=true', '!', 'video/x-raw,width=320,height=180,framerate=15/1', '!', 'w.',
			'audiotestsrc', 'is-live=true', '!', 'w.']);
		let log = '';
		child.stdout.on('data', data => { log += data; });
		child.stderr.on('data', data => { log += data; });
		const exited = new Promise(resolve => {
			child.on('exit', code => resolve(code));
		});
		try {
			await watched(netns, url, 'gst', { audio: 100, video: 45 }, async folder => {
				await check_decodes(`${folder}/audio-0-opus.ogg`);
				await check_decodes(`${folder}/video-1-VP8.ivf`);
			}).catch(e => Promise.reject(new Error(`${e.message}\n${log}`)));
			child.kill('SIGINT');
			await within(LONG, 'the end of gst-launch-1.0', exited);
			const [, peer] = said().match(/peer (\d+): publishes in gst\n/);
			assert.match(said(), new RegExp(`peer ${peer}: its session was ended`));
		} finally {
			child.kill('SIGKILL');
		}
	});
}
