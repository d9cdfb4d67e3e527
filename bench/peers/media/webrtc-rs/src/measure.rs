//! How long does a packet take, and what does it allocate? As bench/harness.h measures, with fewer batches.
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub const VERSION: &str = "0.21.1";

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

pub fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

pub struct Plan {
    pub batches: usize,
    batch: Duration,
}

impl Plan {
    pub fn new(fast: bool) -> Plan {
        let (batches, ms) = if fast { (9, 1) } else { (15, 10) };
        Plan { batches, batch: Duration::from_millis(ms) }
    }

    /// `run` does the work so many times. It is warmed up, then a batch lasts `batch`.
    pub fn measure(&self, name: &str, mut run: impl FnMut(u64)) {
        let count = self.calibrate(&mut run);
        let before = allocations();
        let mut samples = Vec::with_capacity(self.batches);
        for _ in 0..self.batches {
            let start = Instant::now();
            run(count);
            samples.push(start.elapsed().as_nanos() as f64 / count as f64);
        }
        report(name, samples, (allocations() - before) as f64 / (count * self.batches as u64) as f64);
    }

    fn calibrate(&self, run: &mut impl FnMut(u64)) -> u64 {
        let mut count = 64;
        loop {
            let start = Instant::now();
            run(count);
            let took = start.elapsed();
            if took >= self.batch / 2 {
                return (count as f64 * self.batch.as_secs_f64() / took.as_secs_f64()) as u64 + 1;
            }
            count *= 2;
        }
    }
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub fn report(name: &str, mut samples: Vec<f64>, allocs: f64) {
    let ns = median(&mut samples);
    let (low, high, n) = (samples[0], samples[samples.len() - 1], samples.len());
    print!("{{\"stack\":\"webrtc-rs\",\"version\":\"{VERSION}\",\"case\":\"{name}\",");
    println!("\"ns\":{ns:.3},\"low\":{low:.3},\"high\":{high:.3},\"n\":{n},\"allocs\":{allocs:.3}}}");
}
