//! pair: two processes, a peer each, and the work that every stack in bench/peers does, for stacks that leave the socket to
//! their user.
//!
//! ```text
//! DRIVER bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT
//! ```
//!
//! It prints one line of JSON, as bench/peers/README.md says. The offerer sends. It starts the answerer, a process of its own.
//! Descriptions pass over the answerer's pipes. They hold one candidate, the address that other machines would see.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

mod end;
mod line;
mod work;

/// What a sender keeps queued at most, where the stack has no mark of its own.
pub const HIGH: usize = 1 << 20;

/// What a stack wants its user to do or to know.
pub enum Output<P, M> {
    Packet(SocketAddr, P),
    /// The offerer's channel.
    Open,
    Message(M),
    /// Nothing until a packet comes, or until then.
    Wait(Instant),
}

/// A peer with one channel.
pub trait Stack: Sized {
    /// In Cargo.lock.
    const CRATE: &'static str;
    type Packet: AsRef<[u8]>;
    type Message: AsRef<[u8]>;

    fn new(address: SocketAddr) -> Self;
    fn offer(&mut self, reliable: bool) -> String;
    fn answer(&mut self, offer: &str) -> String;
    fn accept(&mut self, answer: &str);

    fn packet(&mut self, from: SocketAddr, packet: &[u8]);
    fn timeout(&mut self, now: Instant);
    /// Called after each of the others until it says to wait.
    fn poll(&mut self) -> Output<Self::Packet, Self::Message>;

    /// False when the channel has no room: nothing was queued.
    fn send(&mut self, data: &[u8]) -> bool;
    fn buffered(&mut self) -> usize;
    fn close(&mut self);
}

#[derive(Clone, Copy)]
pub(crate) enum Work {
    Bulk { size: usize, lasts: Duration, reliable: bool },
    Ping { size: usize, lasts: Duration },
    Open { count: usize },
}

const SIZE_MAX: usize = 256 << 10;
const COUNT_MAX: usize = 1_000_000;

fn arguments_read(words: &[String]) -> Option<Work> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str, most: usize| text.parse::<usize>().ok().filter(|n| (1..=most).contains(n));
    let seconds = |text: &str| text.parse::<f64>().ok().filter(|s| *s > 0.0 && *s < 1e6).map(Duration::from_secs_f64);
    match words[..] {
        ["bulk", size, lasts] => Some(Work::Bulk { size: number(size, SIZE_MAX)?, lasts: seconds(lasts)?, reliable: true }),
        ["bulk", size, lasts, "unreliable"] => {
            Some(Work::Bulk { size: number(size, SIZE_MAX)?, lasts: seconds(lasts)?, reliable: false })
        }
        ["ping", size, lasts] => Some(Work::Ping { size: number(size, SIZE_MAX)?, lasts: seconds(lasts)? }),
        ["open", count] => Some(Work::Open { count: number(count, COUNT_MAX)? }),
        _ => None,
    }
}

/// The version that was built.
fn version(of: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let head = format!("name = \"{of}\"\nversion = \"");
    lock.split_once(&head).and_then(|(_, rest)| rest.split_once('"')).map_or("unknown", |(version, _)| version)
}

pub fn main<S: Stack>() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let answers = words.last().is_some_and(|word| word == line::ANSWER);
    if answers {
        words.pop();
    }
    let Some(work) = arguments_read(&words) else {
        eprintln!("usage: {}_pair bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT", S::CRATE);
        std::process::exit(2);
    };
    if answers {
        work::answer::<S>(work);
    } else {
        let said = work::offer::<S>(work);
        println!("{{\"stack\":\"{}\",\"version\":\"{}\",{said}}}", S::CRATE, version(S::CRATE));
    }
}
