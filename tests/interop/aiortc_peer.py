#!/usr/bin/env python3
"""aiortc_peer: aiortc's end of an echo, told as `sluice echo --stdio` is: descriptions as JSON lines, candidates inside. It
echoes every message on every channel, opens "echo" when it offers, and ends when stdin does."""
import asyncio
import json
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription


def echo(channel):
    @channel.on("message")
    def on_message(message):
        channel.send(message)


async def say(peer, description):
    await peer.setLocalDescription(description)
    local = peer.localDescription
    print(json.dumps({"type": local.type, "sdp": local.sdp}), flush=True)


async def hear(peer, line):
    await peer.setRemoteDescription(RTCSessionDescription(sdp=line["sdp"], type=line["type"]))
    if line["type"] == "offer":
        await say(peer, await peer.createAnswer())


async def lines():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def main():
    peer = RTCPeerConnection()
    peer.on("datachannel", echo)
    if "--offer" in sys.argv:
        echo(peer.createDataChannel("echo"))
        await say(peer, await peer.createOffer())
    async for line in lines():
        await hear(peer, line)
    await peer.close()


asyncio.run(main())
