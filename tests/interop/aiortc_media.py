#!/usr/bin/env python3
"""aiortc_media: aiortc's end of audio and video, with the commands of page.js and page_media.js as JSON lines: new, add, offer,
answer, accept, watch, media_stats, end. aiortc encodes and decodes with PyAV, and asks for bandwidth by REMB."""
import asyncio
import fractions
import json
import math
import struct
import sys
import time

import av
import frames
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

AUDIO_RATE, AUDIO_STEP = 48000, 960


class Pictures(MediaStreamTrack):
    kind = "video"

    def __init__(self, source):
        super().__init__()
        self.source, self.number, self.begun = source, 0, None

    async def recv(self):
        self.begun = self.begun or time.monotonic()
        await asyncio.sleep(max(0, self.begun + self.number / frames.RATE - time.monotonic()))
        frame = av.VideoFrame(frames.WIDTH, frames.HEIGHT, "yuv420p")
        data, at = frames.i420(self.source, self.number), 0
        for i, plane in enumerate(frame.planes):
            rows = plane.buffer_size // plane.line_size
            width = frames.WIDTH // (2 if i else 1)
            lines = [data[at + width * y:at + width * (y + 1)].ljust(plane.line_size, b"\0") for y in range(rows)]
            plane.update(b"".join(lines))
            at += width * rows
        frame.pts, frame.time_base = self.number * 90000 // frames.RATE, fractions.Fraction(1, 90000)
        self.number += 1
        return frame


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self):
        super().__init__()
        self.count, self.begun = 0, None
        one = [int(8000 * math.sin(2 * math.pi * 500 * i / AUDIO_RATE)) for i in range(AUDIO_STEP)]
        self.bytes = struct.pack(f"<{AUDIO_STEP}h", *one)

    async def recv(self):
        self.begun = self.begun or time.monotonic()
        await asyncio.sleep(max(0, self.begun + self.count * AUDIO_STEP / AUDIO_RATE - time.monotonic()))
        frame = av.AudioFrame("s16", "mono", AUDIO_STEP)
        frame.planes[0].update(self.bytes)
        frame.pts, frame.sample_rate = self.count * AUDIO_STEP, AUDIO_RATE
        frame.time_base = fractions.Fraction(1, AUDIO_RATE)
        self.count += 1
        return frame


class Line:
    def __init__(self, name, transceiver):
        self.name, self.transceiver, self.seen, self.loud = name, transceiver, frames.Seen(), 0
        self.changed = asyncio.Event()

    async def show(self, track):
        try:
            while True:
                self.take(await track.recv())
                self.changed.set()
        except Exception as e:  # aiortc ends a track by an exception of its own
            print(f"{self.name}: {type(e).__name__} {e}", file=sys.stderr)

    def take(self, frame):
        if isinstance(frame, av.VideoFrame):
            plane = frame.planes[0]
            self.seen.add(frames.read(bytes(plane), plane.line_size), time.time() * 1000)
            size = f"{frame.width}x{frame.height}"
            if size not in self.seen.sizes:
                self.seen.sizes.append(size)
        else:
            samples = memoryview(bytes(frame.planes[0])).cast("h")
            self.loud += max(samples[::7]) > 300
            self.seen.shown += 1


class End:
    def __init__(self):
        self.peer, self.lines, self.waiting, self.tasks = None, {}, {}, []

    async def new(self, _):
        await self.end({})
        self.peer, self.lines, self.waiting = RTCPeerConnection(), {}, {}
        self.peer.on("track", self.track)
        return {}

    def track(self, track):
        transceiver = next(t for t in self.peer.getTransceivers() if t.receiver.track is track)
        line = next((x for x in self.lines.values() if x.transceiver is transceiver), None)
        if not line:
            line = self.lines[f"new {len(self.lines)}"] = Line(None, transceiver)
        self.tasks.append(asyncio.ensure_future(line.show(track)))

    @staticmethod
    def source(o):
        return Tone() if o["kind"] == "audio" else Pictures(o.get("source", 0))

    @staticmethod
    def prefer(transceiver, o):
        if "codec" in o:
            all_codecs = RTCRtpSender.getCapabilities(o["kind"]).codecs
            mime = f"{o['kind']}/{o['codec']}".lower()
            wanted = [c for c in all_codecs if c.mimeType.lower() == mime]
            transceiver.setCodecPreferences(wanted + [c for c in all_codecs if c not in wanted])

    async def add(self, o):
        direction = o.get("direction", "sendrecv")
        what = self.source(o) if direction.startswith("send") else o["kind"]
        transceiver = self.peer.addTransceiver(what, direction=direction)
        self.prefer(transceiver, o)
        name = o.get("name", o["kind"])
        self.lines[name] = Line(name, transceiver)
        return {}

    def told(self, began):
        return {"sdp": self.peer.localDescription.sdp, "at": time.time() * 1000, "started": began}

    async def offer(self, _):
        began = time.time() * 1000
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.told(began)

    async def answer(self, o):
        began = time.time() * 1000
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=o["sdp"], type="offer"))
        for take in o.get("take", []):
            key, line = next((k, x) for k, x in self.lines.items() if x.name is None and x.transceiver.kind == take["kind"])
            del self.lines[key]
            line.name = take.get("name", take["kind"])
            self.lines[line.name] = line
            line.transceiver.direction = take.get("direction", "sendrecv")
            self.prefer(line.transceiver, take)
            if line.transceiver.direction.startswith("send"):
                line.transceiver.sender.replaceTrack(self.source(take))
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        return self.told(began)

    async def accept(self, o):
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=o["sdp"], type="answer"))
        return {}

    async def watch(self, o):
        line = self.lines[o["name"]]
        audio = line.transceiver.kind == "audio"
        progress = lambda: line.loud if audio else line.seen.shown
        goal = progress() + (5 if audio else o["frames"])
        while progress() < goal:
            line.changed.clear()
            await line.changed.wait()
        return line.seen.report()

    async def media_stats(self, o):
        line = self.lines[o["name"]]
        sent, got = await line.transceiver.sender.getStats(), await line.transceiver.receiver.getStats()
        of = lambda kind: [vars(s) for s in [*sent.values(), *got.values()] if s.type == kind]
        return json.loads(json.dumps({"inbound": of("inbound-rtp"), "outbound": of("outbound-rtp")}, default=str))

    async def end(self, _):
        for task in self.tasks:
            task.cancel()
        self.tasks = []
        if self.peer:
            await self.peer.close()
        return {}


async def run(end, line):
    try:
        answer = await getattr(end, line["do"])(line)
    except Exception as e:  # whatever it was, the test has to hear of it
        answer = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps({"seq": line["seq"], **answer}), flush=True)


async def main():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    end, running = End(), set()
    while text := await reader.readline():
        task = asyncio.ensure_future(run(end, json.loads(text)))
        running.add(task)
        task.add_done_callback(running.discard)
    await end.end({})


asyncio.run(main())
