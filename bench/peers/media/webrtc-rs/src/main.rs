//! webrtc-rs-media: what do RTP, SRTP, the jitter buffer and the interceptors of webrtc-rs cost a packet? They are the crates
//! rtc-rtp, rtc-srtp and rtc-interceptor, on which webrtc stands since 0.20. The packets and the cases are those of bench_rtp,
//! bench_srtp, bench_jitter and bench_interceptors. A line of JSON a case.
mod interceptors;
mod measure;
mod srtp;

use bytes::Bytes;
use measure::Plan;
use rtc_rtp::{Header, Packet};
use shared::marshal::{Marshal, Unmarshal};
use std::hint::black_box;

/// The packets of bench_rtp: its header and extensions, zeros as payload.
const SMALL: [u8; 36] = [
    0x92, 0xe0, 0x69, 0x8f, 0xd9, 0xc2, 0x93, 0xda, 0x1c, 0x64, 0x27, 0x82, 0, 0, 0, 1, 0, 0, 0, 2, //
    0x10, 0x00, 0, 2, 1, 2, 3, 4, 2, 2, 5, 6, 0, 0, 0, 0,
];
const CHROMIUM_HEADER: [u8; 32] = [
    0x90, 0xe0, 0x69, 0x8f, 0xd9, 0xc2, 0x93, 0xda, 0x1c, 0x64, 0x27, 0x82, //
    0xbe, 0xde, 0, 4, 0x12, 0, 0, 0, 0x22, 0, 0, 0, 0x30, 0, 0x41, 0, 0, 0x50, b'0', 0,
];
const ABS_SEND_TIME: u8 = 2;
const TRANSPORT_CC: u8 = 4;

fn chromium() -> Bytes {
    let mut bytes = CHROMIUM_HEADER.to_vec();
    bytes.resize(bytes.len() + 1000, 0);
    bytes.into()
}

/// Payload and extensions share the buffer. The packet is made anew each time: there is no call that reads into one.
fn parse(raw: Bytes) -> impl FnMut(u64) {
    move |count| {
        for _ in 0..count {
            black_box(Packet::unmarshal(&mut raw.clone()).unwrap());
        }
    }
}

fn marshal(raw: Bytes) -> impl FnMut(u64) {
    let mut packet = Packet::unmarshal(&mut raw.clone()).unwrap();
    let mut buffer = vec![0; 1200];
    move |count| {
        for _ in 0..count {
            packet.header.sequence_number = packet.header.sequence_number.wrapping_add(1);
            packet.marshal_to(&mut buffer).unwrap();
            black_box(&buffer);
        }
    }
}

/// An extension owns its bytes, so what changes is a new buffer each time.
fn marshal_header(raw: Bytes) -> impl FnMut(u64) {
    let mut header = Header::unmarshal(&mut raw.clone()).unwrap();
    let mut buffer = vec![0; 1200];
    move |count| {
        for i in 0..count {
            header.sequence_number = header.sequence_number.wrapping_add(1);
            let time = Bytes::copy_from_slice(&(i as u32).to_be_bytes()[1..]);
            let number = Bytes::copy_from_slice(&header.sequence_number.to_be_bytes());
            header.set_extension(ABS_SEND_TIME, time).unwrap();
            header.set_extension(TRANSPORT_CC, number).unwrap();
            header.marshal_to(&mut buffer).unwrap();
            black_box(&buffer);
        }
    }
}

fn main() {
    let plan = Plan::new(std::env::args().nth(1).as_deref() == Some("--fast"));
    let small = Bytes::from_static(&SMALL);
    plan.measure("rtp_parse: 2 CSRCs, 2 two-byte extensions", parse(small.clone()));
    plan.measure("rtp_parse: Chromium's 5 one-byte extensions", parse(chromium()));
    plan.measure("rtp_marshal: 2 CSRCs, 2 two-byte extensions", marshal(small));
    plan.measure("rtp_marshal: Chromium's header, 2 elements anew", marshal_header(chromium()));
    srtp::measure(&plan);
    interceptors::measure(&plan);
}
