/* obs: publishes by WHIP as OBS Studio does (plugins/obs-webrtc/whip-output.cpp), with the same stack, libdatachannel.
 *
 * The offer has H.264 and Opus alone, no RTX and no transport-wide feedback. It is posted as soon as it is made, candidates or not,
 * and none is sent behind it. The answer has to be 201 with Location, absolute or not, and DELETE has to get 200. Keyframes come at
 * the encoder's own pace, whatever is asked for. */
import { readFileSync } from 'node:fs';
import rtc from 'node-datachannel';

const AUDIO_TYPE = 111;
const VIDEO_TYPE = 96;

/* The packets of a file of frames.py; see there. */
function ivf_packets(path) {
	const data = readFileSync(path);
	const packets = [];
	for (let at = data.readUInt16LE(6); at + 12 <= data.length;) {
		const size = data.readUInt32LE(at);
		packets.push(data.subarray(at + 12, at + 12 + size));
		at += 12 + size;
	}
	return packets;
}

/* Sends the packets again and again, at their pace, while the track is open. */
function play(track, config, packets, rate) {
	let next = 0;
	const began = config.timestamp;
	return setInterval(() => {
		if (!track.isOpen())
			return;
		config.timestamp = (began + Math.round(next * config.clockRate / rate)) >>> 0;
		track.sendMessageBinary(packets[next++ % packets.length]);
	}, 1000 / rate);
}

export class Obs {
	constructor(media) {
		this.media = media;
	}

	add(description, packetizer, config) {
		packetizer.addToChain(new rtc.RtcpSrReporter(config));
		packetizer.addToChain(new rtc.RtcpNackResponder());
		const track = this.pc.addTrack(description);
		track.setMediaHandler(packetizer);
		return track;
	}

	set_up() {
		const ssrc = Math.floor(Math.random() * 0xfffffff0);
		this.pc = new rtc.PeerConnection('obs', { iceServers: [] });
		const audio = new rtc.Audio('0', 'SendOnly');
		audio.addOpusCodec(AUDIO_TYPE);
		audio.addSSRC(ssrc, 'cname', 'stream', 'stream-audio');
		const opus = new rtc.RtpPacketizationConfig(ssrc, 'cname', AUDIO_TYPE, 48000);
		const audio_track = this.add(audio, new rtc.RtpPacketizer(opus), opus);
		const video = new rtc.Video('1', 'SendOnly');
		video.addH264Codec(VIDEO_TYPE);
		video.addSSRC(ssrc + 1, 'cname', 'stream', 'stream-video');
		const h264 = new rtc.RtpPacketizationConfig(ssrc + 1, 'cname', VIDEO_TYPE, 90000);
		const video_track = this.add(video, new rtc.H264RtpPacketizer('StartSequence', h264, 1200), h264);
		this.pc.setLocalDescription();
		this.timers = [play(audio_track, opus, ivf_packets(`${this.media}/opus-1.ivf`), 50),
			play(video_track, h264, ivf_packets(`${this.media}/h264-1.ivf`), 15)];
	}

	async publish_once(url, token) {
		this.set_up();
		this.headers = token ? { Authorization: `Bearer ${token}` } : {};
		const { sdp } = this.pc.localDescription();
		const response = await fetch(url, { method: 'POST', headers: { ...this.headers, 'Content-Type': 'application/sdp' }, body: sdp });
		const answer = await response.text();
		if (response.status === 201) {
			this.session = new URL(response.headers.get('Location'), response.url).href;
			this.pc.setRemoteDescription(answer, 'answer');
		}
		return { status: response.status, answer };
	}

	/* Returns what the server said; a status other than 201 is for the caller to judge.
	 *
	 * libdatachannel gives the answer to ICE before it keeps the fingerprint. Where its thread has to wait in between, the handshake
	 * is over first, and fails with "unknown CA". OBS connects again then. */
	async publish(url, token) {
		for (let tries = 1; ; tries++) {
			try {
				return await this.publish_once(url, token);
			} catch (e) {
				await this.stop();
				if (tries === 10 || !/without ICE transport/.test(e.message))
					throw e;
			}
		}
	}

	/* The status of DELETE; undefined without a session. */
	async stop() {
		this.timers?.forEach(clearInterval);
		this.pc?.close();
		const { session } = this;
		this.session = undefined;
		return session && (await fetch(session, { method: 'DELETE', headers: this.headers })).status;
	}
}

/* Its threads keep the process from ending. */
export const obs_end = () => rtc.cleanup();
