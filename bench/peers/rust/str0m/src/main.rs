//! str0m: the work of bench/peers on str0m, default settings; its ciphers are those of aws-lc-rs.
//!
//!     str0m_pair bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT

use std::net::SocketAddr;
use std::sync::Once;
use std::time::Instant;

use pair::{Output, Stack};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::net::{DatagramSend, Protocol, Receive};
use str0m::{Candidate, Event, Input, Rtc};

struct Peer {
    rtc: Rtc,
    address: SocketAddr,
    pending: Option<SdpPendingOffer>,
    channel: Option<ChannelId>,
}

struct Packet(DatagramSend);

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Stack for Peer {
    const CRATE: &'static str = "str0m";
    type Packet = Packet;
    type Message = Vec<u8>;

    fn new(address: SocketAddr) -> Self {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(|| str0m::crypto::from_feature_flags().install_process_default());
        let mut rtc = Rtc::new(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a candidate"));
        Peer { rtc, address, pending: None, channel: None }
    }

    fn offer(&mut self, reliable: bool) -> String {
        let reliability = if reliable { Reliability::Reliable } else { Reliability::MaxRetransmits { retransmits: 0 } };
        let config = ChannelConfig { label: "peers".into(), ordered: reliable, reliability, ..Default::default() };
        let mut change = self.rtc.sdp_api();
        change.add_channel_with_config(config);
        let (offer, pending) = change.apply().expect("an offer");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    fn answer(&mut self, offer: &str) -> String {
        let offer = SdpOffer::from_sdp_string(offer).expect("the offer");
        self.rtc.sdp_api().accept_offer(offer).expect("the offer").to_sdp_string()
    }

    fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("the answer");
        let pending = self.pending.take().expect("an offer");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("the answer");
    }

    fn packet(&mut self, from: SocketAddr, packet: &[u8]) {
        if let Ok(packet) = Receive::new(Protocol::Udp, from, self.address, packet) {
            self.rtc.handle_input(Input::Receive(Instant::now(), packet)).expect("a packet");
        }
    }

    fn timeout(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).expect("time");
    }

    fn poll(&mut self) -> Output<Packet, Vec<u8>> {
        loop {
            match self.rtc.poll_output().expect("poll_output") {
                str0m::Output::Transmit(t) => return Output::Packet(t.destination, Packet(t.contents)),
                str0m::Output::Timeout(at) => return Output::Wait(at),
                str0m::Output::Event(Event::ChannelData(data)) => return Output::Message(data.data),
                str0m::Output::Event(Event::ChannelOpen(id, _)) => {
                    self.channel = Some(id);
                    return Output::Open;
                }
                str0m::Output::Event(_) => {}
            }
        }
    }

    /// It refuses what would pass its mark, 128 KiB.
    fn send(&mut self, data: &[u8]) -> bool {
        let channel = self.channel.and_then(|id| self.rtc.channel(id));
        channel.is_some_and(|mut channel| channel.write(true, data).expect("write"))
    }

    fn buffered(&mut self) -> usize {
        self.channel.and_then(|id| self.rtc.channel(id)).map_or(0, |mut channel| channel.buffered_amount())
    }

    fn close(&mut self) {
        self.rtc.close().expect("close");
    }
}

fn main() {
    pair::main::<Peer>();
}
