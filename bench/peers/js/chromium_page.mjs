/* chromium_page: an end in a page. chromium.mjs calls what it puts on window. */
import { bulk, counter, now, ping, w3c } from './work.mjs';

const make = w3c(() => new RTCPeerConnection());

/* A message to itself comes after what is due. Timers would be held back. */
const self = new MessageChannel();
const turn = () => new Promise(resolve => {
	self.port1.onmessage = resolve;
	self.port2.postMessage(0);
});

let peer, channel, open, count, began;

window.offer = async options => {
	peer?.close();
	began = now();
	peer = make();
	channel = peer.channel(options);
	open = new Promise(resolve => channel.on_open(() => resolve(now() - began)));
	return peer.offer();
};

window.answer = async (sdp, mode) => {
	peer?.close();
	peer = make();
	count = counter(mode);
	peer.on_channel(count.take);
	return peer.answer(sdp);
};

/* Returns the ms from the call of offer to the open channel. */
window.accept = async sdp => {
	await peer.accept(sdp);
	return open;
};

window.bulk = (size, seconds) => bulk(channel, new Uint8Array(size).fill(0x5a), seconds, turn);
window.ping = (size, seconds) => ping(channel, new Uint8Array(size).fill(0x5a), seconds);
window.came = () => count.came();
