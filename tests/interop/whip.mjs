/* whip: programs of others publish to `sluice serve` by WHIP, and `sluice media` watches by WHEP what comes of it; or they are the
 * server of WHEP themselves. What is waited for comes sooner or later: the waits end cases that hang, and bound no speed. */
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
	constructor(netns, url, folder) {
		this.folder = folder;
		this.frames = {};
		this.said = '';
		this.child = spawn('ip', ['netns', 'exec', netns, SLUICE, 'media', '--receive', folder, '--signal', `whep:${url}`]);
		this.child.stderr.on('data', data => {
			this.said += data;
		});
		this.exited = new Promise(resolve => {
			this.child.on('exit', code => resolve(code));
		});
		createInterface({ input: this.child.stdout }).on('line', line => {
			this.said += `${line}\n`;
			const [, name, frames] = line.match(/^ .* s {2}(audio|video)-\S+ \S+ in .* (\d+) frames/) ?? [];
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

/* Watches until so many frames came. body gets the folder with the files. */
async function watched(netns, url, wanted, body) {
	const folder = await mkdtemp(join(tmpdir(), 'sluice-whip-'));
	const watcher = new Watcher(netns, url, folder);
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
			const frames = await watched(netns, `${url}/whep/obs#${TOKEN}`, { audio: 100, video: 45 }, async folder => {
				await check_decodes(`${folder}/audio-0-opus.ogg`);
				return check_video(`${folder}/video-1-H264.h264`);
			});
			/* OBS closes its connection, and then deletes: where the close is read first, the session is over already. */
			assert.ok([200, 404].includes(await obs.stop()), 'the status of DELETE');
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

const gst_has = element => run('gst-inspect-1.0', [element]).then(() => true, () => false);

const SOURCES = ['video-caps=video/x-vp8', 'stun-server=""',
	'videotestsrc', 'is-live=true', '!', 'video/x-raw,width=320,height=180,framerate=15/1', '!', 'w.',
	'audiotestsrc', 'is-live=true', '!', 'w.'];

/* gst-launch-1.0 with this element as the sink of a picture and a sound. */
class Gst {
	constructor(netns, element, properties) {
		this.child = spawn('ip', ['netns', 'exec', netns, 'gst-launch-1.0', '-e', element, 'name=w', ...properties, ...SOURCES]);
		this.log = '';
		for (const stream of [this.child.stdout, this.child.stderr])
			stream.on('data', data => { this.log += data; });
		this.exited = new Promise(resolve => {
			this.child.on('exit', resolve);
		});
	}

	/* In order, as -e says; it ends its session, too. */
	stop() {
		this.child.kill('SIGINT');
		return within(LONG, 'the end of gst-launch-1.0', this.exited);
	}
}

/* What it sends arrives; the names of the files begin with these. */
async function gst_is_watched(gst, netns, url, [audio, video]) {
	try {
		await watched(netns, url, { audio: 100, video: 45 }, async folder => {
			await check_decodes(`${folder}/${audio}-opus.ogg`);
			await check_decodes(`${folder}/${video}-VP8.ivf`);
		});
		await gst.stop();
	} catch (e) {
		throw new Error(`${e.message}\n${gst.log}`);
	} finally {
		gst.child.kill('SIGKILL');
	}
}

async function listens(netns, address, port) {
	for (const late = Date.now() + LONG; Date.now() < late;) {
		const { stdout } = await run('ip', ['netns', 'exec', netns, 'ss', '-Hltn', `src ${address}:${port}`]);
		if (stdout)
			return;
		await new Promise(resolve => {
			setTimeout(resolve, 50);
		});
	}
	throw new Error(`nothing listens at ${address}:${port}`);
}

export async function gst_cases(group, [here, there], { url, said }) {
	const cases = [
		['whipclientsink', 'what whipclientsink publishes is watched, and its end ends the session', async () => {
			const gst = new Gst(here, 'whipclientsink', [`signaller::whip-endpoint=${url}/whip/gst`, `signaller::auth-token=${TOKEN}`]);
			await gst_is_watched(gst, here, `${url}/whep/gst#${TOKEN}`, ['audio-0', 'video-1']);
			const [, peer] = said().match(/peer (\d+): publishes in gst\n/);
			assert.match(said(), new RegExp(`peer ${peer}: its session was ended`));
		}],
		...[false, true].map(offers => ['whepserversink', `what whepserversink sends is watched${offers ? ', where it makes the offer' : ''}`, async () => {
			const gst = new Gst(there, 'whepserversink', ['signaller::host-addr=http://10.99.0.2:9091', `signaller::send-counter-offer=${offers}`]);
			await listens(there, '10.99.0.2', 9091);
			await gst_is_watched(gst, here, 'http://10.99.0.2:9091/whep/endpoint', offers ? ['audio-audio1', 'video-video0'] : ['audio-0', 'video-1']);
		}]),
	];
	for (const [element, name, body] of cases)
		if (await gst_has(element))
			await test(group, name, body);
		else
			skip(group, name, `GStreamer has no ${element} here; it comes from the crate gst-plugin-webrtc`);
}
