/* connect: joins two ends by offer and answer, with the candidates inside the descriptions or behind them. */

const sleep = ms => new Promise(resolve => {
	setTimeout(resolve, ms);
});

/* One way of a signalling path: what is put in comes out in order, delay ms later, once the way is open. */
class Way {
	constructor(delay, deliver) {
		this.delay = delay;
		this.deliver = deliver;
		this.ready = new Promise(resolve => {
			this.open = resolve;
		});
		this.failure = null;
	}

	async put(event) {
		if (event.candidate === undefined)
			return;
		await Promise.all([sleep(this.delay), this.ready]);
		await this.deliver(event.candidate).catch(e => {
			this.failure = e;
		});
	}
}

/* Offer and answer once. trickle: candidates follow one by one. take: what the answerer makes of new media sections. Returns the descriptions and the times the ends gave. */
export async function negotiate(offerer, answerer, { trickle = false, delay = 0, restart = false, take } = {}) {
	const to_answerer = new Way(delay, c => answerer.call('candidate', { candidate: c }));
	const to_offerer = new Way(delay, c => offerer.call('candidate', { candidate: c }));
	offerer.tell = event => to_answerer.put(event);
	answerer.tell = event => to_offerer.put(event);

	const offer = await offerer.call('offer', { trickle, restart });
	if (delay)
		await sleep(delay);
	const answering = answerer.call('answer', { sdp: offer.sdp, trickle, take });
	to_answerer.open();
	const answer = await answering;
	if (delay)
		await sleep(delay);
	const accepting = offerer.call('accept', { sdp: answer.sdp });
	to_offerer.open();
	await accepting;
	return { offer, answer, check: () => {
		for (const way of [to_answerer, to_offerer]) {
			if (way.failure)
				throw way.failure;
		}
	} };
}

/* A new connection with one channel, "start", opened by the offerer; waits until both sides have it open. */
export async function connect(offerer, answerer, options = {}) {
	const { trickle = false, offerer_options = {}, answerer_options = {} } = options;
	await offerer.call('new', { trickle, ...offerer_options });
	await answerer.call('new', { trickle, ...answerer_options });
	await offerer.call('open', { name: 'start' });
	const said = await negotiate(offerer, answerer, options);
	const [here, there] = await Promise.all([
		offerer.call('opened', { name: 'start' }),
		answerer.call('opened', { name: 'start' }),
	]);
	said.check();
	return { ...said, opened: { offerer: here.at, answerer: there.at } };
}
