#!/usr/bin/env python3
"""frames: pictures that carry their number, as page_media.js draws and reads them, for ends without a canvas; and the files
that our end sends.

    frames.py make FOLDER      writes FOLDER/CODEC-SOURCE.ivf
    frames.py read FILE        decodes a file (.ivf, .h264) with ffmpeg; prints {"codec", "packets", "frames", "numbers", "sources", "errors"}

IVF here carries H.264 (whole access units) and Opus too: the ends need to know one container. Frames of video are RATE in a
second, packets of audio 50."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

WIDTH, HEIGHT, RATE = 320, 180, 15
COUNT = 300  # pictures in a file: 20 s
KEYFRAMES = 15  # pictures from one keyframe to the next
NUMBERS = 4096
DARK, LIGHT = b"\x10", b"\xeb"
NOISE_SIZE = WIDTH * HEIGHT // 3
NOISE = random.Random(1).randbytes(4 * NOISE_SIZE)  # what makes an encoder spend its bits


def luma(source, number):
    """The Y plane of 320x180."""
    value = source << 12 | number % NUMBERS
    bits = [value >> i & 1 for i in range(15, -1, -1)]
    bits += [1 - b for b in bits]
    rows = []
    for y in range(4):
        row = b"".join((LIGHT if b else DARK) * 40 for b in bits[8 * y:8 * y + 8])
        rows.append(row * 30)
    at = number * 7919 % (len(NOISE) - NOISE_SIZE)
    return b"".join(rows) + NOISE[at:at + NOISE_SIZE]


def i420(source, number):
    chroma = WIDTH * HEIGHT // 4
    return luma(source, number) + bytes([90 + 20 * source]) * chroma + bytes([160 - 20 * source]) * chroma


def read(plane, stride=WIDTH):
    """(source, number) of a Y plane of 320x180, or None where it cannot be read."""
    bits = []
    for i in range(32):
        x, y = 40 * (i % 8) + 14, 30 * (i // 8) + 10
        total = sum(sum(plane[stride * (y + dy) + x:stride * (y + dy) + x + 12]) for dy in range(0, 10, 3))
        bits.append(1 if total > 4 * 12 * 126 else 0)
    if any(a == b for a, b in zip(bits[:16], bits[16:])):
        return None
    value = int("".join(map(str, bits[:16])), 2)
    return value >> 12, value % NUMBERS


class Seen:
    """What was received, as page_media.js reports it."""

    def __init__(self):
        self.shown = self.unreadable = self.backwards = self.repeated = self.first_at = 0
        self.last, self.last_source, self.sources, self.sizes = -1, -1, [], []

    def add(self, what, at):
        self.shown += 1
        self.first_at = self.first_at or at
        if what is None:
            self.unreadable += 1
            return
        source, number = what
        if source == self.last_source:
            step = (number - self.last) % NUMBERS
            self.repeated += step == 0
            self.backwards += step > NUMBERS // 2
        else:
            self.sources.append(source)
        self.last_source, self.last = source, number

    def report(self):
        return dict(vars(self))


# ---- IVF ----


def ivf_read(path):
    """(fourcc, packets)"""
    with open(path, "rb") as file:
        data = file.read()
    at, packets = struct.unpack_from("<H", data, 6)[0], []
    while at + 12 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        packets.append(data[at + 12:at + 12 + size])
        at += 12 + size
    return data[8:12].decode(), packets


def ivf_write(path, fourcc, rate, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, fourcc, WIDTH, HEIGHT, rate, 1, len(packets), 0))
        for i, packet in enumerate(packets):
            file.write(struct.pack("<IQ", len(packet), i) + packet)


def access_units(data):
    """Of Annex B with access unit delimiters."""
    mark = b"\x00\x00\x00\x01\x09"
    starts = []
    at = data.find(mark)
    while at >= 0:
        starts.append(at)
        at = data.find(mark, at + 1)
    return [data[a:b] for a, b in zip(starts, starts[1:] + [len(data)])]


def ogg_packets(data):
    """Of one logical stream, without its two headers."""
    packets, part, at = [], b"", 0
    while at < len(data):
        count = data[at + 26]
        sizes = data[at + 27:at + 27 + count]
        at += 27 + count
        for size in sizes:
            part += data[at:at + size]
            at += size
            if size < 255:
                packets.append(part)
                part = b""
    return packets[2:]


# ---- making files ----

ENCODERS = {
    "vp8": (b"VP80", ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-f", "ivf"]),
    "vp9": (b"VP90", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-b:v", "300k", "-f", "ivf"]),
    "av1": (b"AV01", ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-b:v", "300k", "-f", "ivf"]),
    "h264": (b"H264", ["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "baseline", "-level", "3.1",
                       "-b:v", "300k", "-x264-params", "aud=1:repeat-headers=1:scenecut=0", "-f", "h264"]),
}


def ffmpeg(arguments, data=None):
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments] if data is None else
                          ["ffmpeg", "-v", "error", "-y", *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout


def make_video(folder, codec, source):
    fourcc, options = ENCODERS[codec]
    pictures = b"".join(i420(source, n) for n in range(COUNT))
    with tempfile.NamedTemporaryFile() as out:
        ffmpeg(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE), "-i", "pipe:0",
                "-g", str(KEYFRAMES), "-keyint_min", str(KEYFRAMES), *options, out.name], pictures)
        packets = access_units(out.read()) if codec == "h264" else ivf_read(out.name)[1]
    if len(packets) != COUNT:
        raise SystemExit(f"frames: {codec}: {len(packets)} packets for {COUNT} pictures")
    ivf_write(f"{folder}/{codec}-{source}.ivf", fourcc, RATE, packets)


def make_audio(folder):
    ogg = ffmpeg(["-f", "lavfi", "-i", f"sine=frequency=500:sample_rate=48000:duration={COUNT // RATE}", "-c:a", "libopus",
                  "-b:a", "32k", "-frame_duration", "20", "-f", "ogg", "pipe:1"])
    ivf_write(f"{folder}/opus-1.ivf", b"OPUS", 50, ogg_packets(ogg))


def make(folder):
    os.makedirs(folder, exist_ok=True)
    for codec in ENCODERS:
        make_video(folder, codec, 1)
    make_video(folder, "vp8", 2)
    make_audio(folder)


# ---- reading what was received ----


def decode(path):
    if path.endswith(".h264"):
        with open(path, "rb") as file:
            fourcc, packets = "H264", [file.read()]
    else:
        fourcc, packets = ivf_read(path)
    with tempfile.NamedTemporaryFile(suffix=".h264") as raw:
        if fourcc == "H264":
            raw.write(b"".join(packets))
            raw.flush()
        result = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", raw.name if fourcc == "H264" else path, "-vsync", "0",
                                 "-s", f"{WIDTH}x{HEIGHT}", "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    size = WIDTH * HEIGHT
    seen = [read(result.stdout[i:i + size]) for i in range(0, len(result.stdout), size)]
    return {
        "codec": fourcc, "packets": len(packets), "frames": len(seen), "numbers": [n and n[1] for n in seen],
        "sources": sorted({n[0] for n in seen if n}), "errors": result.stderr.decode(errors="replace").strip(),
    }


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    else:
        print(json.dumps(decode(sys.argv[2])))
