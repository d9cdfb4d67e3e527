/* @roamhq/wrtc: libwebrtc's own stack, called from Node. */
import { createRequire } from 'node:module';
import { run, version_of, w3c } from './pair.mjs';

const require = createRequire(import.meta.url);
const { RTCPeerConnection } = require('@roamhq/wrtc');
await run({ stack: 'wrtc (libwebrtc)', version: version_of('@roamhq/wrtc'), peer: w3c(() => new RTCPeerConnection({ iceServers: [] })) });
