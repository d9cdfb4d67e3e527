//! end: a peer, its socket, and the loop that drives both. It knows nothing of the work, which is an App.
//!
//! A turn: poll the stack until it has nothing more, let the app send while there is room, wait for the socket, read it until
//! it is empty. A datagram is a system call each way, as in the examples of the stacks.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{Output, Stack};

/// As much as a receiver's window, so that a burst waits in the socket. The system may allow less.
const SOCKET_BUFFER: usize = 1 << 20;
/// Datagrams between two looks at the timers.
const RECEIVED_AT_ONCE: usize = 256;

pub trait App<S: Stack> {
    fn opened(&mut self) {}
    fn message(&mut self, _stack: &mut S, _data: &[u8]) {}
    /// Sends messages while there is room. Returns whether it sent any.
    fn fill(&mut self, _stack: &mut S) -> bool {
        false
    }
    fn done(&mut self, _stack: &mut S) -> bool {
        false
    }
    /// When the app wants its turn although no packet came.
    fn wakes(&self) -> Option<Instant> {
        None
    }
}

/// Nothing to do but to answer the network.
pub struct Idle;
impl<S: Stack> App<S> for Idle {}

pub struct End<S: Stack> {
    pub stack: S,
    socket: UdpSocket,
    wake: Instant,
}

/// The first address that other machines could reach; that of loopback where there is none.
fn host_address() -> IpAddr {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.iter().map(|i| i.ip()).find(|ip| ip.is_ipv4() && !ip.is_loopback()).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

impl<S: Stack> End<S> {
    pub fn new() -> Self {
        let socket = UdpSocket::bind((host_address(), 0)).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER).expect("SO_RCVBUF");
        rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER).expect("SO_SNDBUF");
        let stack = S::new(socket.local_addr().expect("its address"));
        End { stack, socket, wake: Instant::now() }
    }

    /// Returns when the app is done, or when there is something on the line.
    pub fn run(&mut self, line: Option<BorrowedFd>, app: &mut impl App<S>) {
        loop {
            self.drain(app);
            while app.fill(&mut self.stack) {
                self.drain(app);
            }
            if app.done(&mut self.stack) || self.wait(line, app.wakes()) {
                return;
            }
            self.receive(app);
            let now = Instant::now();
            if now >= self.wake {
                self.stack.timeout(now);
            }
        }
    }

    pub fn close(mut self) {
        self.stack.close();
        self.drain(&mut Idle);
    }

    fn drain(&mut self, app: &mut impl App<S>) {
        loop {
            match self.stack.poll() {
                Output::Packet(to, packet) => self.send(to, packet.as_ref()),
                Output::Open => app.opened(),
                Output::Message(data) => app.message(&mut self.stack, data.as_ref()),
                Output::Wait(until) => {
                    self.wake = until;
                    return;
                }
            }
        }
    }

    /// Waits when the socket is full. Other errors are those of a peer that has gone.
    fn send(&self, to: SocketAddr, packet: &[u8]) {
        while let Err(e) = self.socket.send_to(packet, to) {
            if e.kind() != ErrorKind::WouldBlock {
                return;
            }
            let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], None);
        }
    }

    fn receive(&mut self, app: &mut impl App<S>) {
        let mut packet = [0; 2048];
        for _ in 0..RECEIVED_AT_ONCE {
            match self.socket.recv_from(&mut packet) {
                Ok((length, from)) => self.stack.packet(from, &packet[..length]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => continue,
            }
            self.drain(app);
        }
    }

    /// Returns whether there is something on the line.
    fn wait(&self, line: Option<BorrowedFd>, also: Option<Instant>) -> bool {
        let until = also.map_or(self.wake, |at| at.min(self.wake));
        let wait = until.saturating_duration_since(Instant::now()).min(Duration::from_secs(3600));
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        let socket = PollFd::new(&self.socket, PollFlags::IN);
        let Some(line) = line else {
            let _ = poll(&mut [socket], Some(&wait));
            return false;
        };
        let line = PollFd::from_borrowed_fd(line.as_fd(), PollFlags::IN);
        let mut both = [socket, line];
        // The socket goes first: what came before the question is counted.
        poll(&mut both, Some(&wait)).is_ok() && both[0].revents().is_empty() && !both[1].revents().is_empty()
    }
}
