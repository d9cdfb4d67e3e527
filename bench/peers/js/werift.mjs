/* werift: a stack in TypeScript. */
import { RTCPeerConnection } from 'werift';
import { run, version_of, w3c } from './pair.mjs';

await run({ stack: 'werift', version: version_of('werift'), peer: w3c(() => new RTCPeerConnection({ iceServers: [] })) });
