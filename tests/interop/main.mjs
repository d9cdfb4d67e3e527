/* main: the matrix of `make interop`: browsers, then other stacks, then what stands between. */
import { fileURLToPath } from 'node:url';
import { chromium, firefox, serve_page } from './browsers.mjs';
import { run_cases } from './cases.mjs';
import { connect } from './connect.mjs';
import { demo_cases, serve } from './demo.mjs';
import { echo_cases } from './echo.mjs';
import { baseline_cases, media_cases, stack_cases } from './media.mjs';
import { PageEnd, ProcessEnd } from './ends.mjs';
import { history_cases } from './history.mjs';
import { relay_case } from './relay.mjs';
import { finish, group_wanted, test } from './report.mjs';
import { coturn } from './services.mjs';
import { fast_cases, mdns_cases, reload_cases, statistics_case } from './special.mjs';
import { watch_cases } from './watch.mjs';
import { gst_cases, obs_cases, rooms } from './whip.mjs';

const { INTEROP_A: A, INTEROP_B: B, INTEROP_OUT: OUT, INTEROP_RUN } = process.env;
const here = name => fileURLToPath(new URL(name, import.meta.url));
const behind_nat = name => `sluice-${name}-${INTEROP_RUN}`;

const PEER = [`${OUT}/interop/peer`];
const ECHO = [`${OUT}/sluice`, 'echo', '--stdio'];
const AIORTC = ['/usr/bin/python3', here('aiortc_peer.py')];
const PION = [`${OUT}/interop/pion_peer`];
const NICE = [`${OUT}/interop/nice_peer`];
const MEDIA_STACKS = [
	['aiortc', ['/usr/bin/python3', here('aiortc_media.py')], { codecs: ['VP8', 'H264'], offers_one: true }],
	['pion', [`${OUT}/interop/pion4`], { codecs: ['VP8', 'VP9', 'H264', 'AV1'] }],
	['GStreamer', ['/usr/bin/python3', here('gst_media.py')], { codecs: ['VP8', 'VP9', 'H264'], repairs: false }],
];

const sluice = (netns, env) => new ProcessEnd('sluice', PEER, { netns, env });

/* Runs the body with what `open` made and closes that behind it; when it cannot be made, that is a failed case. */
async function using(group, open, body) {
	if (!group_wanted(group))
		return;
	let opened;
	if (!await test(group, 'everything for it starts', async () => {
		opened = await open();
		return opened.note;
	}, true))
		return;
	await body(opened).catch(e => test(group, 'the rest of the cases', () => Promise.reject(e)));
	await test(group, 'everything for it ends in order', () => opened.close(), true);
}

/* A page in a browser, and our end in the other namespace. */
function page_and_peer(start, name, options = {}) {
	return async () => {
		const served = await serve_page();
		const started = await start({ origin: served.url, ...options });
		const page = await PageEnd.make(name, started.browser, served.url);
		const peer = sluice(B);
		return {
			page, peer, note: started.version,
			close: async () => {
				await peer.stop();
				await started.stop();
				served.stop();
			},
		};
	};
}

async function browsers() {
	for (const [name, start] of [['chromium', chromium], ['firefox', firefox]]) {
		await using(name, page_and_peer(start, name), async ({ page, peer }) => {
			await run_cases(`${name} offers`, page, peer);
			await run_cases(`${name} answers`, peer, page);
			await statistics_case(name, page, peer);
			await reload_cases(name, page, peer);
			await echo_cases(`${name}, sluice echo`, ECHO, page, { where: { netns: B }, largest: 262144 });
		});
		await using(`${name} mDNS`, page_and_peer(start, name, { mdns: true }), ({ page, peer }) => mdns_cases(`${name} mDNS`, page, peer));
	}
	await using('chromium SNAP SPED', page_and_peer(chromium, 'chromium', { fast: true }), ({ page, peer }) => fast_cases('chromium SNAP SPED', page, peer));
}

/* Both browsers at once: with our end, and with each other. */
async function media() {
	await using('media', async () => {
		const served = await serve_page();
		const started = [await chromium({ origin: served.url }), await firefox()];
		const [chrome, fox] = await Promise.all(['chromium', 'firefox'].map((name, i) => PageEnd.make(name, started[i].browser, served.url)));
		const peer = sluice(B);
		return {
			chrome, fox, peer, note: started.map(s => s.version).join(', '),
			close: async () => {
				await peer.stop();
				for (const s of started)
					await s.stop();
				served.stop();
			},
		};
	}, async ({ chrome, fox, peer }) => {
		await baseline_cases('media chromium, firefox', chrome, fox, ['VP8', 'VP9', 'AV1']);
		await media_cases('media chromium', chrome, peer, {
			codecs: ['VP8', 'VP9', 'H264', 'AV1'], namespaces: [A, B], cipher: /AES128_CM_HMAC_SHA1_80|AEAD_AES_128_GCM/, screenshot: `${OUT}/interop/chromium.png`,
		});
		await media_cases('media firefox', fox, peer, {
			codecs: ['VP8', 'VP9', 'AV1'], namespaces: [A, B], cipher: /AEAD_AES_128_GCM/, screenshot: `${OUT}/interop/firefox.png`,
		});
	});
	await using('media stacks', () => {
		const peer = sluice(B);
		return { peer, close: () => peer.stop() };
	}, async ({ peer }) => {
		for (const [name, argv, how] of MEDIA_STACKS)
			await stack_cases(`media stacks ${name}`, () => new ProcessEnd(name, argv, { netns: A }), peer, how);
	});
}

async function demo() {
	for (const [name, start] of [['chromium', chromium], ['firefox', firefox]]) {
		const group = `demo page ${name}`;
		await using(group, async () => {
			const server = await serve(B, '10.99.0.2');
			const started = await start({ mdns: true });
			return {
				server, started,
				close: async () => {
					await started.stop();
					await server.stop();
				},
			};
		}, ({ server, started }) => demo_cases(group, started.browser, server));
	}
}

/* On 127.0.0.1, beside the browsers: they give a camera to no page of http: from elsewhere. */
async function watch() {
	for (const [name, start] of [['chromium', chromium], ['firefox', firefox]]) {
		const group = `watch page ${name}`;
		await using(group, async () => {
			const server = await serve(A, '127.0.0.1');
			const started = await start({ mdns: true, camera: true });
			return {
				server, started, note: started.version,
				close: async () => {
					await started.stop();
					await server.stop();
				},
			};
		}, ({ server, started }) => watch_cases(group, started.browser, server.url));
	}
}

async function history() {
	for (const [name, start] of [['chromium', chromium], ['firefox', firefox]]) {
		const group = `report of measurements ${name}`;
		await using(group, async () => {
			const started = await start();
			return { started, close: () => started.stop() };
		}, ({ started }) => history_cases(group, started.browser, `${OUT}/interop`));
	}
}

async function publishers() {
	await using('WHIP', async () => {
		const server = await rooms(B, '10.99.0.2');
		return { ...server, close: server.stop };
	}, async server => {
		await obs_cases('WHIP OBS', A, server);
		await gst_cases('WHIP GStreamer', [A, B], server);
	});
}

async function stacks() {
	await using('stacks', () => {
		const peer = sluice(B);
		return { peer, close: () => peer.stop() };
	}, async ({ peer }) => {
		const where = { netns: A };
		await echo_cases('stacks aiortc', AIORTC, peer, { where });
		/* Its buffer for one message is as large as a 16-bit length says. */
		await echo_cases('stacks pion', PION, peer, { where, largest: 65535 });
		await echo_cases('stacks libnice', NICE, peer, { where });
		await echo_cases('stacks sluice echo', ECHO, peer, { where, largest: 262144 });
	});
}

async function relays() {
	await using('relay', async () => {
		const turn = await coturn(B, '10.99.0.2');
		const served = await serve_page();
		/* The server's certificate is its own: the browser does not ask, we are told to trust it. */
		const started = await chromium({ origin: served.url, flags: ['--ignore-certificate-errors'] });
		const page = await PageEnd.make('chromium', started.browser, served.url);
		const env = { SSL_CERT_FILE: turn.certificate };
		const [peer, other] = [sluice(A, env), sluice(A, env)];
		return {
			turn, page, peer, other,
			close: async () => {
				await Promise.all([peer.stop(), other.stop()]);
				await started.stop();
				served.stop();
				await turn.stop();
			},
		};
	}, async ({ turn, page, peer, other }) => {
		for (const kind of ['udp', 'tcp', 'tls']) {
			await relay_case('relay sluice-sluice', peer, other, kind, turn);
			await relay_case('relay chromium-sluice', page, peer, kind, turn);
			await relay_case('relay sluice-chromium', peer, page, kind, turn);
		}
	});
}

async function nats() {
	await using('NAT', async () => {
		const turn = await coturn(behind_nat('internet'), '10.99.20.1');
		const [left, right] = [sluice(behind_nat('left')), sluice(behind_nat('right'))];
		return {
			turn, left, right,
			close: async () => {
				await Promise.all([left.stop(), right.stop()]);
				await turn.stop();
			},
		};
	}, async ({ turn, left, right }) => {
		const options = { iceServers: [turn.servers.stun] };
		await test('NAT', 'sluice and sluice, each behind its own', async () => {
			await connect(left, right, { trickle: true, offerer_options: options, answerer_options: options });
			const { local, remote } = await left.call('pair');
			return `${local.type} to ${remote.type}`;
		});
		await echo_cases('NAT libnice', [...NICE, '--stun', '10.99.20.1:3478'], right, { where: { netns: behind_nat('left') }, options });
	});
}

await browsers();
await media();
await demo();
await watch();
await history();
await publishers();
await stacks();
await relays();
await nats();
finish();
