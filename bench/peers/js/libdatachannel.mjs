/* libdatachannel, by node-datachannel: C++ over usrsctp, OpenSSL and libjuice, with threads of its own. */
import library from 'node-datachannel';
import { run, version_of } from './pair.mjs';

let number = 0;

const wrap = channel => ({
	on_open: f => channel.isOpen() ? f() : channel.onOpen(f),
	on_message: f => channel.onMessage(f),
	send: data => channel.sendMessageBinary(data),
	buffered: () => channel.bufferedAmount(),
	on_low: (bytes, f) => {
		channel.setBufferedAmountLowThreshold(bytes);
		channel.onBufferedAmountLow(f);
	},
});

function peer() {
	const connection = new library.PeerConnection(`peer-${number++}`, { iceServers: [] });
	const gathered = () => new Promise(resolve => {
		const look = () => connection.gatheringState() === 'complete' && resolve(connection.localDescription().sdp);
		connection.onGatheringStateChange(look);
		look();
	});
	return {
		channel: ({ ordered, maxRetransmits }) => wrap(connection.createDataChannel('peers', { unordered: ordered === false, maxRetransmits })),
		on_channel: f => connection.onDataChannel(channel => f(wrap(channel))),
		offer: gathered,
		answer: sdp => {
			connection.setRemoteDescription(sdp, 'offer');
			return gathered();
		},
		accept: async sdp => connection.setRemoteDescription(sdp, 'answer'),
		close: () => connection.close(),
	};
}

await run({ stack: 'libdatachannel', version: `${library.getLibraryVersion()} (node-datachannel ${version_of('node-datachannel')})`, peer });
