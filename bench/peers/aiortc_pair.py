#!/usr/bin/env python3
"""aiortc: the work of bench/peers on aiortc. The answerer is a process of its own, as Python computes in one thread; its command
begins with the words of PEER_EXEC.

  aiortc_pair.py bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT

Prints one line of JSON, as bench/peers/README.md says. Descriptions pass over the pipes of the answerer.
"""

import asyncio
import json
import os
import sys
import time

import aiortc
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

HIGH = 1 << 20
LOW = HIGH // 2


def peer():
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def standard_input():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def answerer(mode):
    lines = await standard_input()
    connection, count = None, {}

    def arrived(channel):
        @channel.on("message")
        def came(data):
            if mode == "ping":
                channel.send(data)
            count["last"] = time.monotonic()
            count.setdefault("first", count["last"])
            count["received"] = count.get("received", 0) + 1
            count["bytes"] = count.get("bytes", 0) + len(data)

    while line := await lines.readline():
        request = json.loads(line)
        if "done" in request:
            print(json.dumps({"received": count.get("received", 0), "bytes": count.get("bytes", 0),
                              "seconds": count.get("last", 0) - count.get("first", 0)}), flush=True)
            return
        if connection:
            await connection.close()
        connection = peer()
        connection.on("datachannel", arrived)
        await connection.setRemoteDescription(RTCSessionDescription(request["offer"], "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        print(json.dumps({"answer": connection.localDescription.sdp}), flush=True)


class Answerer:
    """The process at the other end."""

    async def start(self, mode):
        command = [*os.environ.get("PEER_EXEC", "").split(), sys.executable, sys.argv[0], "--answer", mode]
        self.process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                                                            limit=1 << 20)
        return self

    async def ask(self, request):
        self.process.stdin.write((json.dumps(request) + "\n").encode())
        return json.loads(await self.process.stdout.readline())

    async def end(self):
        self.process.stdin.close()
        await self.process.wait()


async def connect(other, **options):
    connection = peer()
    channel = connection.createDataChannel("peers", **options)
    is_open = asyncio.Event()
    channel.on("open", is_open.set)
    await connection.setLocalDescription(await connection.createOffer())
    answer = await other.ask({"offer": connection.localDescription.sdp})
    await connection.setRemoteDescription(RTCSessionDescription(answer["answer"], "answer"))
    await is_open.wait()
    return connection, channel


async def bulk(other, size, seconds, unreliable):
    connection, channel = await connect(other, **({"ordered": False, "maxRetransmits": 0} if unreliable else {}))
    room = asyncio.Event()
    channel.bufferedAmountLowThreshold = LOW
    channel.on("bufferedamountlow", room.set)
    data, sent, end = bytes(size), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        room.clear()
        while channel.bufferedAmount < HIGH:
            channel.send(data)
            sent += 1
        try:
            await asyncio.wait_for(room.wait(), 0.1)
        except asyncio.TimeoutError:
            pass
    for _ in range(20):
        if channel.bufferedAmount:
            await asyncio.sleep(0.1)
    came = await other.ask({"done": True})
    await connection.close()
    return {"size": size, "reliable": not unreliable, "sent": sent, **came}


def at(times, share):
    return times[min(len(times) - 1, int(len(times) * share))]


async def ping(other, size, seconds):
    connection, channel = await connect(other)
    back = asyncio.Event()
    channel.on("message", lambda data: back.set())
    data, trips, end = bytes(size), [], time.monotonic() + seconds
    while time.monotonic() < end:
        back.clear()
        begin = time.monotonic()
        channel.send(data)
        await back.wait()
        trips.append((time.monotonic() - begin) * 1e6)
    await connection.close()
    trips.sort()
    return {"size": size, "count": len(trips), "p50_us": at(trips, 0.5), "p99_us": at(trips, 0.99), "p999_us": at(trips, 0.999)}


async def opening(other, count):
    times = []
    for _ in range(count):
        begin = time.monotonic()
        connection, _ = await connect(other)
        times.append((time.monotonic() - begin) * 1e3)
        await connection.close()
    times.sort()
    return {"count": count, "median_ms": at(times, 0.5), "worst_ms": times[-1]}


async def main():
    mode, *rest = sys.argv[1:]
    if mode == "--answer":
        return await answerer(rest[0])
    other = await Answerer().start(mode)
    if mode == "bulk":
        said = await bulk(other, int(rest[0]), float(rest[1]), len(rest) > 2)
    elif mode == "ping":
        said = await ping(other, int(rest[0]), float(rest[1]))
    else:
        said = await opening(other, int(rest[0]))
    await other.end()
    print(json.dumps({"stack": "aiortc", "version": aiortc.__version__, "mode": mode, **said}))


asyncio.run(main())
