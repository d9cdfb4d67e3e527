#!/usr/bin/env python3
"""gst_media: GStreamer's webrtcbin as an end of audio and video, with the commands of page.js and page_media.js as JSON lines: new,
add, offer, answer, accept, watch, media_stats, end. It encodes with vp8enc, vp9enc, x264enc and opusenc."""
import json
import re
import sys
import threading
import time

import frames
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)

ENCODERS = {
    "VP8": "vp8enc deadline=1 keyframe-max-dist=60 target-bitrate=300000 ! rtpvp8pay picture-id-mode=15-bit",
    "VP9": "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=60 target-bitrate=300000 ! rtpvp9pay picture-id-mode=15-bit",
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=300 ! video/x-h264,profile=constrained-baseline"
            " ! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
    "opus": "opusenc ! rtpopuspay",
}
PAYLOADS = {"VP8": 96, "VP9": 98, "H264": 102, "opus": 111}
FEEDBACK = "rtcp-fb-nack=true,rtcp-fb-nack-pli=true"


def rtp_caps(kind, codec, payload):
    if kind == "audio":
        return f"application/x-rtp,media=audio,encoding-name=OPUS,payload={payload},clock-rate=48000,encoding-params=(string)2"
    mode = ",packetization-mode=(string)1" if codec == "H264" else ""
    return f"application/x-rtp,media=video,encoding-name={codec},payload={payload},clock-rate=90000,{FEEDBACK}{mode}"


class Line:
    def __init__(self, name, kind):
        self.name, self.kind, self.seen, self.number = name, kind, frames.Seen(), 0
        self.bin = self.appsrc = self.source = None


class End:
    def __init__(self):
        self.pipeline, self.lines, self.replies, self.changed = None, {}, [], threading.Condition()

    # ---- sending ----

    def source(self, line, o, payload):
        codec = "opus" if line.kind == "audio" else o.get("codec", "VP8")
        caps = rtp_caps(line.kind, codec, payload)
        if line.kind == "audio":
            first = "audiotestsrc is-live=true wave=sine freq=500 ! audio/x-raw,rate=48000,channels=2"
        else:
            first = (f"appsrc name=pictures is-live=true format=time do-timestamp=true ! video/x-raw,format=I420,"
                     f"width={frames.WIDTH},height={frames.HEIGHT},framerate={frames.RATE}/1")
        made = Gst.parse_bin_from_description(f"{first} ! queue ! {ENCODERS[codec]} pt={payload} ! capsfilter caps=\"{caps}\"", True)
        self.pipeline.add(made)
        line.bin, line.appsrc = made, made.get_by_name("pictures")
        pad = self.webrtc.request_pad_simple("sink_%u")
        made.get_static_pad("src").link(pad)
        if line.kind == "video":
            line.appsrc.set_property("caps", Gst.Caps.from_string(
                f"video/x-raw,format=I420,width={frames.WIDTH},height={frames.HEIGHT},framerate={frames.RATE}/1"))
            line.source = o.get("source", 0)
        return pad.get_property("transceiver")

    def push(self, pipeline, line):
        if pipeline is not self.pipeline:
            return False
        line.appsrc.emit("push-buffer", Gst.Buffer.new_wrapped(frames.i420(line.source, line.number)))
        line.number += 1
        return True

    # ---- receiving ----

    def pad_added(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        decoder = Gst.ElementFactory.make("decodebin")
        decoder.connect("pad-added", self.decoded, kind)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def decoded(self, _, pad, kind):
        convert = ("videoconvert ! videoscale ! video/x-raw,format=I420,width=320,height=180" if kind == "video"
                   else "audioconvert ! audioresample ! audio/x-raw,format=S16LE,channels=1")
        sink = Gst.parse_bin_from_description(f"queue ! {convert} ! appsink name=out emit-signals=true sync=false", True)
        sink.get_by_name("out").connect("new-sample", self.sample, kind)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def sample(self, appsink, kind):
        _, memory = (buffer := appsink.emit("pull-sample").get_buffer()).map(Gst.MapFlags.READ)
        data = bytes(memory.data)
        buffer.unmap(memory)
        line = next(x for x in self.lines.values() if x.kind == kind)
        with self.changed:
            if kind == "video":
                line.seen.add(frames.read(data), time.time() * 1000)
            elif max(memoryview(data).cast("h")[::7]) > 300:
                line.seen.add((0, line.seen.last + 1), time.time() * 1000)
            self.changed.notify_all()
        return Gst.FlowReturn.OK

    # ---- descriptions ----

    # What is in a reply lives as long as these two.
    def wait(self, signal, *arguments):
        promise = Gst.Promise.new()
        self.webrtc.emit(signal, *arguments, promise)
        promise.wait()
        reply = promise.get_reply()
        self.replies.append((promise, reply))
        if reply and reply.has_field("error"):
            raise RuntimeError(reply.get_value("error").message)
        return reply

    def describe(self, kind, text):
        _, message = GstSdp.SDPMessage.new_from_text(text)
        self.replies.append(message)
        return GstWebRTC.WebRTCSessionDescription.new(kind, message)

    def told(self, description, began):
        self.wait("set-local-description", description)
        complete = GstWebRTC.WebRTCICEGatheringState.COMPLETE
        while self.webrtc.get_property("ice-gathering-state") != complete:
            time.sleep(0.005)
        local = self.webrtc.get_property("local-description")
        return {"sdp": local.sdp.as_text(), "at": time.time() * 1000, "started": began}

    # ---- commands ----

    def new(self, _):
        self.end({})
        self.lines, self.replies = {}, []
        self.pipeline = Gst.Pipeline.new()
        self.webrtc = Gst.ElementFactory.make("webrtcbin")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.webrtc.connect("pad-added", self.pad_added)
        self.pipeline.add(self.webrtc)
        self.pipeline.set_state(Gst.State.PLAYING)
        return {}

    def put(self, o, payload):
        name = o.get("name", o["kind"])
        line = self.lines[name] = Line(name, o["kind"])
        codec = o.get("codec", "opus" if line.kind == "audio" else "VP8")
        direction = o.get("direction", "sendrecv")
        if direction == "recvonly":
            caps = Gst.Caps.from_string(rtp_caps(line.kind, codec, payload or PAYLOADS[codec]))
            self.webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)
            return
        transceiver = self.source(line, o, payload or PAYLOADS[codec])
        if direction == "sendonly":
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)

    def start(self):
        for line in self.lines.values():
            if line.bin:
                line.bin.sync_state_with_parent()
            if line.appsrc:
                GLib.timeout_add(1000 // frames.RATE, self.push, self.pipeline, line)

    def add(self, o):
        self.put(o, None)
        return {}

    def offer(self, _):
        began = time.time() * 1000
        self.start()
        return self.told(self.wait("create-offer", None).get_value("offer"), began)

    # Its sections have to be there before the offer is set, with the payload types of the offer.
    def answer(self, o):
        began = time.time() * 1000
        for take in o.get("take", []):
            codec = take.get("codec", "opus" if take["kind"] == "audio" else "VP8")
            self.put(take, self.payload_of(o["sdp"], codec))
        self.wait("set-remote-description", self.describe(GstWebRTC.WebRTCSDPType.OFFER, o["sdp"]))
        self.start()
        return self.told(self.wait("create-answer", None).get_value("answer"), began)

    @staticmethod
    def payload_of(sdp, codec):
        numbers = re.findall(rf"a=rtpmap:(\d+) {codec}/", sdp, re.IGNORECASE)
        if codec == "H264":
            fits = re.findall(r"a=fmtp:(\d+) (?=.*packetization-mode=1)(?=.*profile-level-id=42e01f)", sdp)
            numbers = [n for n in numbers if n in fits] or numbers
        if not numbers:
            raise RuntimeError(f"no {codec} in the offer")
        return int(numbers[0])

    def accept(self, o):
        self.wait("set-remote-description", self.describe(GstWebRTC.WebRTCSDPType.ANSWER, o["sdp"]))
        return {}

    def watch(self, o):
        line = self.lines[o["name"]]
        with self.changed:
            goal = line.seen.shown + o.get("frames", 5)
            while line.seen.shown < goal:
                self.changed.wait()
            return line.seen.report()

    def media_stats(self, _):
        reply = self.wait("get-stats", None)
        return {"text": reply.to_string()}

    def end(self, _):
        if self.pipeline:
            pipeline, self.pipeline = self.pipeline, None
            pipeline.set_state(Gst.State.NULL)
        return {}


def run(end, request):
    try:
        answer = getattr(end, request["do"])(request)
    except Exception as e:  # whatever it was, the test has to hear of it
        answer = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps({"seq": request["seq"], **answer}), flush=True)


# Commands wait, so each has a thread; the main loop pushes pictures.
def listen(end, loop):
    for text in sys.stdin:
        threading.Thread(target=run, args=(end, json.loads(text)), daemon=True).start()
    end.end({})
    loop.quit()


def main():
    loop, end = GLib.MainLoop(), End()
    threading.Thread(target=listen, args=(end, loop), daemon=True).start()
    loop.run()


main()
