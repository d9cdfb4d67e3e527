package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const (
	run   = 32 // packets that are encrypted and decrypted in a turn, as in bench_srtp
	turns = 50
)

// Packets are encrypted and decrypted where they lie; the header struct is used again.
type pair struct {
	out, in *srtp.Context
	header  rtp.Header
	packets [run][]byte
	size    int
	number  uint16
}

func newPair(profile srtp.ProtectionProfile, size int) *pair {
	keyLen, err := profile.KeyLen()
	must(err)
	saltLen, err := profile.SaltLen()
	must(err)
	key, salt := make([]byte, keyLen), make([]byte, saltLen)
	copy(key, []byte{1, 2, 3})
	copy(salt, []byte{4, 5, 6})
	p := &pair{size: size}
	p.out, err = srtp.CreateContext(key, salt, profile)
	must(err)
	p.in, err = srtp.CreateContext(key, salt, profile, srtp.SRTPReplayProtection(1024))
	must(err)
	for i := range p.packets {
		p.packets[i] = make([]byte, size, size+16)
		p.packets[i][0] = 0x80
		p.packets[i][11] = 1
	}
	return p
}

func (p *pair) renew() {
	for i := range p.packets {
		binary.BigEndian.PutUint16(p.packets[i][2:], p.number)
		p.number++
	}
}

func (p *pair) encrypt() {
	for i, packet := range p.packets {
		encrypted, err := p.out.EncryptRTP(packet, packet, &p.header)
		must(err)
		p.packets[i] = encrypted
	}
}

func (p *pair) decrypt() {
	for i, packet := range p.packets {
		decrypted, err := p.in.DecryptRTP(packet, packet, &p.header)
		must(err)
		p.packets[i] = decrypted[:p.size]
	}
}

// The median of the turns, ns a packet, of each step.
func (p *pair) sample(steps [2]func()) [2]float64 {
	var took [2][turns]float64
	for turn := range turns {
		p.renew()
		for step, work := range steps {
			start := time.Now()
			work()
			took[step][turn] = float64(time.Since(start).Nanoseconds()) / run
		}
	}
	var medians [2]float64
	for step := range steps {
		slices.Sort(took[step][:])
		medians[step] = took[step][turns/2]
	}
	return medians
}

func measurePair(profile srtp.ProtectionProfile, name string, size int) {
	p := newPair(profile, size)
	steps := [2]func(){p.encrypt, p.decrypt}
	p.sample(steps)
	var samples [2][]float64
	before := allocations()
	for range batches {
		medians := p.sample(steps)
		samples[0] = append(samples[0], medians[0])
		samples[1] = append(samples[1], medians[1])
	}
	// A header and its packet are taken apart in both steps, so the two share what was allocated.
	allocs := float64(allocations()-before) / float64(2*batches*turns*run)
	for step, verb := range []string{"encrypt", "decrypt"} {
		say("srtp", fmt.Sprintf("srtp: %s, %s, %d bytes", verb, name, size), samples[step], allocs)
	}
}

func measureSRTP() {
	for _, size := range []int{1200, 200} {
		measurePair(srtp.ProtectionProfileAes128CmHmacSha1_80, "AES128_CM_SHA1_80", size)
		measurePair(srtp.ProtectionProfileAeadAes128Gcm, "AEAD_AES_128_GCM", size)
	}
}
