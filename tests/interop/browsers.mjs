/* browsers: starts Debian's Chromium and Firefox with a new profile each, in this network namespace or another one, and
 * serves them the page. */
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

const here = name => fileURLToPath(new URL(name, import.meta.url));

/* On 127.0.0.1, which browsers take for a secure context (the hashes need one). Returns its URL and how to stop it. */
export async function serve_page() {
	const server = createServer(async (request, response) => {
		const name = request.url.endsWith('.js') ? basename(request.url) : 'page.html';
		response.setHeader('Content-Type', name.endsWith('.js') ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8');
		response.end(await readFile(here(name)));
	});
	await new Promise(resolve => {
		server.listen(0, '127.0.0.1', resolve);
	});
	return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}

async function launch(options, { netns } = {}) {
	const home = await mkdtemp(join(tmpdir(), 'sluice-interop-'));
	const env = { ...process.env, HOME: home };
	let { executablePath } = options;
	if (netns) {
		env.INTEROP_NETNS = netns;
		env.INTEROP_PROGRAM = executablePath;
		executablePath = here('in-netns');
	}
	try {
		const browser = await puppeteer.launch({
			...options, executablePath, headless: true, env, userDataDir: join(home, 'profile'), timeout: 60000, protocolTimeout: 300000,
		});
		return {
			browser,
			version: await browser.version(),
			stop: async () => {
				await browser.close();
				await rm(home, { recursive: true, force: true, maxRetries: 5 });
			},
		};
	} catch (e) {
		await rm(home, { recursive: true, force: true, maxRetries: 5 });
		throw new Error(`${options.executablePath} did not start: ${e.message}`);
	}
}

/* mdns: host addresses are told as .local names, as is the default. fast: SNAP and SPED are on. camera: pages may have the
 * browser's own false camera without asking. */
export async function chromium({ mdns = false, fast = false, camera = false, netns, origin, flags = [] } = {}) {
	const off = ['Translate'];
	if (!mdns)
		off.push('WebRtcHideLocalIpsWithMdns');
	const args = [
		'--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync',
		'--no-first-run', '--allow-loopback-in-peer-connection', '--autoplay-policy=no-user-gesture-required',
		'--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
		`--disable-features=${off.join(',')}`, ...flags,
	];
	if (camera)
		args.push('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream');
	if (fast)
		args.push('--force-fieldtrials=WebRTC-Sctp-Snap/Enabled/WebRTC-IceHandshakeDtls/Enabled/', '--enable-features=WebRtcSctpSnap');
	const started = await launch({ browser: 'chrome', executablePath: '/usr/bin/chromium', pipe: true, args }, { netns });
	/* Without the permission only one interface is gathered, and none of its addresses when mDNS is on. */
	if (origin && !mdns)
		await started.browser.defaultBrowserContext().overridePermissions(new URL(origin).origin, ['camera', 'microphone']);
	return started;
}

export async function firefox({ mdns = false } = {}) {
	return launch({
		browser: 'firefox',
		executablePath: '/usr/bin/firefox-esr',
		extraPrefsFirefox: {
			'media.peerconnection.ice.obfuscate_host_addresses': mdns,
			'media.peerconnection.ice.loopback': true,
			'privacy.reduceTimerPrecision': false,
			'media.autoplay.default': 0,
			'media.navigator.streams.fake': true,
			'media.navigator.permission.disabled': true,
		},
	});
}
