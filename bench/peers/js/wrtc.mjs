/* @roamhq/wrtc: libwebrtc's own stack, called from Node. */
import { createRequire } from 'node:module';
import { run, version_of } from './pair.mjs';
import { w3c } from './work.mjs';

const require = createRequire(import.meta.url);
const { RTCPeerConnection } = require('@roamhq/wrtc');
await run({ stack: 'wrtc (libwebrtc)', version: version_of('@roamhq/wrtc'), peer: w3c(() => new RTCPeerConnection({ iceServers: [] })) });
