//! rtc: the work of bench/peers on rtc, the sans-IO stack of webrtc-rs, default settings; its ciphers are those of ring.
//!
//!     rtc_pair bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use pair::{HIGH, Output, Stack};
use rtc::data_channel::{RTCDataChannelId, RTCDataChannelInit};
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate, RTCIceCandidateInit};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

/// What poll() asks for next. Events and messages can bring new packets.
enum Stage {
    Packets,
    Events,
    Messages,
}

struct Peer {
    connection: RTCPeerConnection,
    address: SocketAddr,
    channel: Option<RTCDataChannelId>,
    stage: Stage,
    again: bool,
}

fn candidate(address: SocketAddr) -> RTCIceCandidateInit {
    let base_config = CandidateConfig {
        network: "udp".into(),
        address: address.ip().to_string(),
        port: address.port(),
        component: 1,
        ..Default::default()
    };
    let candidate = CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host().expect("a candidate");
    RTCIceCandidate::from(&candidate).to_json().expect("a candidate")
}

impl Stack for Peer {
    const CRATE: &'static str = "rtc";
    type Packet = BytesMut;
    type Message = BytesMut;

    fn new(address: SocketAddr) -> Self {
        let mut connection = RTCPeerConnectionBuilder::new().build(Instant::now()).expect("a peer connection");
        connection.add_local_candidate(candidate(address)).expect("a candidate");
        connection.add_local_candidate(RTCIceCandidateInit::default()).expect("the last candidate");
        Peer { connection, address, channel: None, stage: Stage::Packets, again: false }
    }

    fn offer(&mut self, reliable: bool) -> String {
        let max_retransmits = if reliable { None } else { Some(0) };
        let options = RTCDataChannelInit { ordered: reliable, max_retransmits, ..Default::default() };
        self.connection.create_data_channel("peers", Some(options)).expect("a channel");
        let offer = self.connection.create_offer(None).expect("an offer");
        self.connection.set_local_description(Instant::now(), offer.clone()).expect("the offer");
        offer.sdp
    }

    fn answer(&mut self, offer: &str) -> String {
        let offer = RTCSessionDescription::offer(offer.into()).expect("the offer");
        self.connection.set_remote_description(Instant::now(), offer).expect("the offer");
        let answer = self.connection.create_answer(None).expect("an answer");
        self.connection.set_local_description(Instant::now(), answer.clone()).expect("the answer");
        answer.sdp
    }

    fn accept(&mut self, answer: &str) {
        let answer = RTCSessionDescription::answer(answer.into()).expect("the answer");
        self.connection.set_remote_description(Instant::now(), answer).expect("the answer");
    }

    fn packet(&mut self, peer_addr: SocketAddr, packet: &[u8]) {
        let transport =
            TransportContext { local_addr: self.address, peer_addr, ecn: None, transport_protocol: TransportProtocol::UDP };
        let message = TaggedBytesMut { now: Instant::now(), transport, message: BytesMut::from(packet) };
        self.connection.handle_read(message).expect("a packet");
    }

    fn timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now).expect("time");
    }

    fn poll(&mut self) -> Output<BytesMut, BytesMut> {
        loop {
            match self.stage {
                Stage::Packets => match self.connection.poll_write() {
                    Some(packet) => return Output::Packet(packet.transport.peer_addr, packet.message),
                    None => self.stage = Stage::Events,
                },
                Stage::Events => match self.connection.poll_event() {
                    Some(event) => {
                        self.again = true;
                        if let RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) = event {
                            self.channel = Some(id);
                            return Output::Open;
                        }
                    }
                    None => self.stage = Stage::Messages,
                },
                Stage::Messages => match self.connection.poll_read() {
                    Some(read) => {
                        self.again = true;
                        if let RTCMessage::DataChannelMessage(_, message) = read.message {
                            return Output::Message(message.data);
                        }
                    }
                    None => {
                        self.stage = Stage::Packets;
                        if !std::mem::take(&mut self.again) {
                            let never = || Instant::now() + Duration::from_secs(3600);
                            return Output::Wait(self.connection.poll_timeout().unwrap_or_else(never));
                        }
                    }
                },
            }
        }
    }

    fn send(&mut self, data: &[u8]) -> bool {
        let channel = self.channel.and_then(|id| self.connection.data_channel(id));
        let Some(mut channel) = channel.filter(|channel| channel.outstanding_bytes() < HIGH) else { return false };
        channel.send(Instant::now(), BytesMut::from(data)).expect("send");
        true
    }

    fn buffered(&mut self) -> usize {
        self.channel.and_then(|id| self.connection.data_channel(id)).map_or(0, |channel| channel.outstanding_bytes())
    }

    fn close(&mut self) {
        self.connection.close().expect("close");
    }
}

fn main() {
    pair::main::<Peer>();
}
