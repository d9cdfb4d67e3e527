//! A packet a millisecond of the packets' own time, and TWCC each 50 ms of it, as in bench_interceptors; RR, SR and NACK as often
//! as the crate does it by default.
use crate::measure::Plan;
use bytes::{Bytes, BytesMut};
use rtc_interceptor::{
    AttributedPacket, Interceptor, JitterBuffer, NackGeneratorBuilder, NackResponderBuilder, Packet, RTCPFeedback,
    RTPHeaderExtension, ReceiverReportBuilder, Registry, SenderReportBuilder, Slot, StreamInfo, TaggedPacket,
    TwccReceiverBuilder, TwccSenderBuilder,
};
use sansio::Protocol;
use shared::marshal::{Marshal, Unmarshal};
use std::hint::black_box;
use std::time::{Duration, Instant};

const GAP: Duration = Duration::from_millis(1);
const OUTPUT_EACH: u64 = 50;
const SSRC: u8 = 77;
const ABS_SEND_TIME: u8 = 1;
const TRANSPORT_CC: u16 = 2;
const TRANSPORT_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Header and extensions as bench_interceptors has them, and 1,200 bytes in all.
fn media_packet() -> Vec<u8> {
    let mut bytes = vec![
        0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, SSRC, //
        0xbe, 0xde, 0, 3, 0x12, 0, 0, 0, 0x21, 0, 0, 0x30, b'0', 0, 0, 0,
    ];
    bytes.resize(1200, 0);
    bytes
}

fn stream() -> StreamInfo {
    StreamInfo {
        ssrc: SSRC.into(),
        payload_type: 96,
        clock_rate: 90000,
        mime_type: "video/VP8".into(),
        rtp_header_extensions: vec![RTPHeaderExtension { uri: TRANSPORT_URI.into(), id: TRANSPORT_CC }],
        rtcp_feedback: vec![RTCPFeedback { typ: "nack".into(), parameter: String::new() }],
        ..Default::default()
    }
}

fn tagged(packet: rtc_rtp::Packet, now: Instant) -> TaggedPacket {
    TaggedPacket { now, transport: Default::default(), message: AttributedPacket::new(Packet::Rtp(packet)) }
}

/// What leaves is written to bytes that nobody sends.
fn drain(chain: &mut impl Interceptor, buffer: &mut [u8]) {
    while let Some(leaving) = chain.poll_write() {
        match leaving.message.packet {
            Packet::Rtp(packet) => {
                black_box(packet.marshal_to(buffer).unwrap());
            }
            Packet::Rtcp(packets) => {
                black_box(rtc_rtcp::packet::marshal(&packets).unwrap());
            }
            _ => unreachable!(),
        }
    }
}

/// A packet owns its bytes. The buffer comes back when the packet is dropped, so nothing is allocated for it.
fn receive() -> impl FnMut(u64) {
    let mut chain = Registry::new()
        .with(Slot::NackGenerator, NackGeneratorBuilder::new().build())
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().with_interval(OUTPUT_EACH as u32 * GAP).build())
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .build();
    chain.bind_remote_stream(&stream());
    let (mut raw, mut buffer, mut space) = (media_packet(), vec![0; 1500], BytesMut::with_capacity(1500));
    let (mut number, mut now) = (0u16, Instant::now());
    move |count| {
        for i in 0..count {
            number = number.wrapping_add(1);
            raw[2..4].copy_from_slice(&number.to_be_bytes());
            raw[21..23].copy_from_slice(&number.to_be_bytes());
            now += GAP;
            space.extend_from_slice(&raw);
            let packet = rtc_rtp::Packet::unmarshal(&mut space.split().freeze()).unwrap();
            chain.handle_read(tagged(packet, now)).unwrap();
            assert!(black_box(chain.poll_read()).is_some());
            if i % OUTPUT_EACH == 0 {
                chain.handle_timeout(now).unwrap();
                drain(&mut chain, &mut buffer);
            }
        }
    }
}

/// A packet owns its header and its extensions, so they are made anew each time. The payload is shared with the history.
fn send() -> impl FnMut(u64) {
    let mut chain = Registry::new()
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
        .with(Slot::NackResponder, NackResponderBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
        .build();
    chain.bind_local_stream(&stream());
    let mut template = rtc_rtp::Packet::unmarshal(&mut Bytes::from(media_packet())).unwrap();
    let (mut buffer, mut now) = (vec![0; 1500], Instant::now());
    move |count| {
        for i in 0..count {
            template.header.sequence_number = template.header.sequence_number.wrapping_add(1);
            template.header.timestamp = template.header.timestamp.wrapping_add(90);
            now += GAP;
            let mut packet = template.clone();
            let time = Bytes::copy_from_slice(&(i as u32).to_be_bytes()[1..]);
            packet.header.set_extension(ABS_SEND_TIME, time).unwrap();
            chain.handle_write(tagged(packet, now)).unwrap();
            drain(&mut chain, &mut buffer);
            if i % OUTPUT_EACH == 0 {
                chain.handle_timeout(now).unwrap();
                drain(&mut chain, &mut buffer);
            }
        }
    }
}

/// In order with one packet inside, as bench_jitter's Opus. A packet that was taken out is pushed again.
fn jitter() -> impl FnMut(u64) {
    let mut jitter = JitterBuffer::new(512);
    jitter.begin_emitting();
    let mut first = rtc_rtp::Packet { payload: vec![0; 200].into(), ..Default::default() };
    first.header.ssrc = SSRC.into();
    let mut held = Some(tagged(first, Instant::now()));
    move |count| {
        for _ in 0..count {
            jitter.push(held.take().unwrap()).unwrap();
            let mut popped = jitter.pop().unwrap();
            if let Packet::Rtp(packet) = &mut popped.message.packet {
                packet.header.sequence_number = packet.header.sequence_number.wrapping_add(1);
                packet.header.timestamp = packet.header.timestamp.wrapping_add(960);
            }
            held = Some(popped);
        }
    }
}

pub fn measure(plan: &Plan) {
    plan.measure("interceptors: receive, NACK + RR + TWCC", receive());
    plan.measure("interceptors: send, history + SR + TWCC", send());
    plan.measure("jitter: push and pop in order", jitter());
}
