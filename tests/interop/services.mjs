/* services: what runs beside the ends in the other network namespace. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from './ends.mjs';

/* A service that says on stdout that it is ready. */
export function service(name, argv, netns, is_ready) {
	const child = spawn('ip', ['netns', 'exec', netns, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
	let said = '';
	const ready = new Promise((resolve, reject) => {
		const hear = data => {
			said += data;
			if (is_ready.test(said))
				resolve();
		};
		child.stdout.on('data', hear);
		child.stderr.on('data', hear);
		child.on('error', reject);
		child.on('exit', code => reject(new Error(`${name} ended with ${code}: ${said.slice(-1000)}`)));
	});
	const stop = (signal = 'SIGTERM') => new Promise(resolve => {
		if (child.exitCode !== null || child.signalCode !== null)
			resolve();
		child.on('exit', resolve);
		child.kill(signal);
	});
	return { said: () => said, ready: within(10000, name, ready), signal: s => child.kill(s), stop };
}

const USER = 'sluice';
const PASSWORD = 'gate';

/* coturn as STUN and TURN server at address, over UDP, TCP and TLS. */
export async function coturn(netns, address) {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-coturn-'));
	const file = name => join(folder, name);
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
		'/CN=turn.test', '-addext', `subjectAltName=IP:${address}`, '-keyout', file('key.pem'), '-out', file('cert.pem')], { stdio: 'ignore' });
	const server = service('coturn', ['turnserver', '-n', '--listening-ip', address, '--relay-ip', address, '--lt-cred-mech',
		'--user', `${USER}:${PASSWORD}`, '--realm', 'interop', '--cert', file('cert.pem'), '--pkey', file('key.pem'), '--no-cli',
		'--userdb', file('users'), '--pidfile', file('pid'), '--log-file', 'stdout', '--verbose', '--min-port', '40000', '--max-port', '40999',
	], netns, /DTLS.UDP listener opened on[^\n]*5349/);
	await server.ready;
	const account = { username: USER, credential: PASSWORD };
	return {
		certificate: file('cert.pem'),
		said: server.said,
		servers: {
			stun: { urls: `stun:${address}:3478` },
			udp: { ...account, urls: `turn:${address}:3478?transport=udp` },
			tcp: { ...account, urls: `turn:${address}:3478?transport=tcp` },
			tls: { ...account, urls: `turns:${address}:5349?transport=tcp` },
		},
		stop: async () => {
			await server.stop();
			rmSync(folder, { recursive: true, force: true });
		},
	};
}

/* A cable of ms each way between two namespaces; see delay.c. Ends: 10.99.1.1 and 10.99.1.2. */
export async function long_cable(from, to, ms) {
	const cable = service('delay', [`${process.env.INTEROP_OUT}/interop/delay`, from, '10.99.1.1/24', to, '10.99.1.2/24', String(ms)], from, /ready/);
	await cable.ready;
	return cable;
}

/* From now on one packet in so many is lost on its way into each of these namespaces, until the returned function is called. By nft:
 * not every kernel has netem. Not on the way out: there a loss is an error of sendmsg, which a sender notices. */
export function loss(namespaces, one_in) {
	const nft = (netns, text) => execFileSync('ip', ['netns', 'exec', netns, 'nft', '-f', '-'], { input: text });
	for (const netns of namespaces)
		nft(netns, `table inet loss {
			chain in { type filter hook input priority 0; meta l4proto udp numgen random mod ${one_in} 0 drop; }
		}`);
	return () => namespaces.forEach(netns => nft(netns, 'delete table inet loss'));
}
