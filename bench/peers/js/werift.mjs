/* werift: a stack in TypeScript. */
import { RTCPeerConnection } from 'werift';
import { run, version_of } from './pair.mjs';
import { w3c } from './work.mjs';

await run({ stack: 'werift', version: version_of('werift'), peer: w3c(() => new RTCPeerConnection({ iceServers: [] })) });
