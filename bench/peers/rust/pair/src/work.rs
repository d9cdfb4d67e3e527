//! work: what the offerer and the answerer do, and what is said about it.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::end::{App, End};
use crate::line::Line;
use crate::{Stack, Work};

/// How long what is queued may take to arrive after the last message.
const REST: Duration = Duration::from_secs(2);

/// Messages between two turns of the stack, as far as there is room.
const BATCH: u64 = 64;

/// Asks the answerer what came.
const HOW_MUCH: &str = "how much";

// ---- the answerer ----

struct Came {
    echoes: bool,
    received: u64,
    bytes: u64,
    first: Option<Instant>,
    last: Instant,
}

impl Came {
    fn new(work: Work) -> Self {
        Came { echoes: matches!(work, Work::Ping { .. }), received: 0, bytes: 0, first: None, last: Instant::now() }
    }
}

impl<S: Stack> App<S> for Came {
    fn message(&mut self, stack: &mut S, data: &[u8]) {
        if self.echoes {
            assert!(stack.send(data), "no room for an echo");
        }
        self.last = Instant::now();
        self.first.get_or_insert(self.last);
        self.received += 1;
        self.bytes += data.len() as u64;
    }
}

/// A description is answered by a new peer.
pub fn answer<S: Stack>(work: Work) {
    let mut line = Line::to_offerer();
    let mut came = Came::new(work);
    let mut end: Option<End<S>> = None;
    loop {
        if let Some(end) = &mut end {
            end.run(Some(line.as_fd()), &mut came);
        }
        let Some(heard) = line.hear() else { return };
        if heard == HOW_MUCH {
            let seconds = came.first.map_or(0.0, |first| (came.last - first).as_secs_f64());
            line.say(&format!("\"received\":{},\"bytes\":{},\"seconds\":{seconds:.6}", came.received, came.bytes));
        } else {
            if let Some(old) = end.take() {
                old.close();
            }
            let new = end.insert(End::new());
            line.say(&new.stack.answer(&heard));
        }
    }
}

// ---- the offerer ----

struct Opening {
    open: bool,
}

impl<S: Stack> App<S> for Opening {
    fn opened(&mut self) {
        self.open = true;
    }
    fn done(&mut self, _: &mut S) -> bool {
        self.open
    }
}

/// Returns when the channel is open.
fn connect<S: Stack>(line: &mut Line, reliable: bool) -> End<S> {
    let mut end: End<S> = End::new();
    line.say(&end.stack.offer(reliable));
    end.stack.accept(&line.hear().expect("an answer"));
    end.run(None, &mut Opening { open: false });
    end
}

struct Bulk {
    data: Vec<u8>,
    end: Instant,
    sent: u64,
}

impl<S: Stack> App<S> for Bulk {
    fn fill(&mut self, stack: &mut S) -> bool {
        let before = self.sent;
        while self.sent < before + BATCH && Instant::now() < self.end && stack.send(&self.data) {
            self.sent += 1;
        }
        self.sent > before
    }
    /// What is queued still goes.
    fn done(&mut self, stack: &mut S) -> bool {
        let now = Instant::now();
        now >= self.end && (stack.buffered() == 0 || now >= self.end + REST)
    }
    fn wakes(&self) -> Option<Instant> {
        Some(if Instant::now() < self.end { self.end } else { self.end + REST })
    }
}

struct Ping {
    data: Vec<u8>,
    end: Instant,
    sent: Option<Instant>,
    trips: Vec<f64>,
}

impl<S: Stack> App<S> for Ping {
    fn message(&mut self, _: &mut S, _: &[u8]) {
        if let Some(sent) = self.sent.take() {
            self.trips.push(sent.elapsed().as_secs_f64() * 1e6);
        }
    }
    fn fill(&mut self, stack: &mut S) -> bool {
        if self.sent.is_some() || Instant::now() >= self.end {
            return false;
        }
        self.sent = Some(Instant::now());
        assert!(stack.send(&self.data), "no room for a ping");
        true
    }
    fn done(&mut self, _: &mut S) -> bool {
        self.sent.is_none()
    }
}

fn at(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn bulk<S: Stack>(line: &mut Line, size: usize, lasts: Duration, reliable: bool) -> String {
    let mut end: End<S> = connect(line, reliable);
    let mut app = Bulk { data: vec![0x5a; size], end: Instant::now() + lasts, sent: 0 };
    end.run(None, &mut app);
    line.say(HOW_MUCH);
    let came = line.hear().expect("what came");
    end.close();
    format!("\"mode\":\"bulk\",\"size\":{size},\"reliable\":{reliable},\"sent\":{},{came}", app.sent)
}

fn ping<S: Stack>(line: &mut Line, size: usize, lasts: Duration) -> String {
    let mut end: End<S> = connect(line, true);
    let mut app = Ping { data: vec![0x5a; size], end: Instant::now() + lasts, sent: None, trips: Vec::new() };
    end.run(None, &mut app);
    end.close();
    app.trips.sort_by(f64::total_cmp);
    let count = app.trips.len();
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| at(&app.trips, share));
    format!("\"mode\":\"ping\",\"size\":{size},\"count\":{count},\"p50_us\":{p50:.1},\"p99_us\":{p99:.1},\"p999_us\":{p999:.1}")
}

fn open<S: Stack>(line: &mut Line, count: usize) -> String {
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        let end: End<S> = connect(line, true);
        times.push(began.elapsed().as_secs_f64() * 1e3);
        end.close();
    }
    times.sort_by(f64::total_cmp);
    let (median, worst) = (at(&times, 0.5), at(&times, 1.0));
    format!("\"mode\":\"open\",\"count\":{count},\"median_ms\":{median:.3},\"worst_ms\":{worst:.3}")
}

/// Returns what is said about it, as members of a JSON object.
pub fn offer<S: Stack>(work: Work) -> String {
    let (mut line, mut child) = Line::to_answerer();
    let said = match work {
        Work::Bulk { size, lasts, reliable } => bulk::<S>(&mut line, size, lasts, reliable),
        Work::Ping { size, lasts } => ping::<S>(&mut line, size, lasts),
        Work::Open { count } => open::<S>(&mut line, count),
    };
    drop(line);
    let _ = child.wait();
    said
}
