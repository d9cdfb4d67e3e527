//! Packets in turns of 32, as in bench_srtp. Each call returns a new buffer: there is none that works where the packet lies.
use crate::measure::{Plan, allocations, median, report};
use bytes::BytesMut;
use rtc_srtp::context::Context;
use rtc_srtp::option::srtp_replay_protection;
use rtc_srtp::protection_profile::ProtectionProfile;
use std::time::Instant;

const RUN: usize = 32;
const TURNS: usize = 50;

struct Pair {
    out: Context,
    into: Context,
    plain: Vec<Vec<u8>>,
    encrypted: Vec<BytesMut>,
    number: u16,
}

impl Pair {
    fn new(profile: ProtectionProfile, size: usize) -> Pair {
        let provider = crypto::default_provider().unwrap();
        let (mut key, mut salt) = (vec![0; profile.key_len()], vec![0; profile.salt_len()]);
        key[..3].copy_from_slice(&[1, 2, 3]);
        salt[..3].copy_from_slice(&[4, 5, 6]);
        let mut plain = vec![vec![0; size]; RUN];
        for packet in &mut plain {
            packet[0] = 0x80;
            packet[11] = 1;
        }
        Pair {
            out: Context::new(&key, &salt, profile, None, None, provider.crypto()).unwrap(),
            into: Context::new(&key, &salt, profile, Some(srtp_replay_protection(1024)), None, provider.crypto()).unwrap(),
            plain,
            encrypted: vec![BytesMut::new(); RUN],
            number: 0,
        }
    }

    fn renew(&mut self) {
        for packet in &mut self.plain {
            packet[2..4].copy_from_slice(&self.number.to_be_bytes());
            self.number = self.number.wrapping_add(1);
        }
    }

    fn encrypt(&mut self) {
        for (packet, encrypted) in self.plain.iter().zip(&mut self.encrypted) {
            *encrypted = self.out.encrypt_rtp(packet).unwrap();
        }
    }

    fn decrypt(&mut self) {
        for (encrypted, packet) in self.encrypted.iter().zip(&self.plain) {
            assert!(self.into.decrypt_rtp(encrypted).unwrap().len() == packet.len());
        }
    }

    /// The median of the turns, ns a packet, and the allocations of them all, of encryption and of decryption.
    fn sample(&mut self) -> [(f64, u64); 2] {
        let mut took = [[0.0; TURNS]; 2];
        let mut allocs = [0; 2];
        for turn in 0..TURNS {
            self.renew();
            for (step, work) in [Pair::encrypt, Pair::decrypt].into_iter().enumerate() {
                let (before, start) = (allocations(), Instant::now());
                work(self);
                took[step][turn] = start.elapsed().as_nanos() as f64 / RUN as f64;
                allocs[step] += allocations() - before;
            }
        }
        [(median(&mut took[0]), allocs[0]), (median(&mut took[1]), allocs[1])]
    }
}

fn measure_pair(plan: &Plan, profile: ProtectionProfile, name: &str, size: usize) {
    let mut pair = Pair::new(profile, size);
    pair.sample();
    let samples: Vec<_> = (0..plan.batches).map(|_| pair.sample()).collect();
    for (step, verb) in ["encrypt", "decrypt"].into_iter().enumerate() {
        let allocs: u64 = samples.iter().map(|sample| sample[step].1).sum();
        report(
            &format!("srtp: {verb}, {name}, {size} bytes"),
            samples.iter().map(|sample| sample[step].0).collect(),
            allocs as f64 / (plan.batches * TURNS * RUN) as f64,
        );
    }
}

pub fn measure(plan: &Plan) {
    for size in [1200, 200] {
        measure_pair(plan, ProtectionProfile::Aes128CmHmacSha1_80, "AES128_CM_SHA1_80", size);
        measure_pair(plan, ProtectionProfile::AeadAes128Gcm, "AEAD_AES_128_GCM", size);
    }
}
