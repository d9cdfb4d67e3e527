// pion-media: what do RTP, SRTP, the jitter buffer and the interceptors of pion cost a packet? The packets and the cases are
// those of bench_rtp, bench_srtp, bench_jitter and bench_interceptors. A line of JSON a case.
package main

import (
	"os"
	"time"

	"github.com/pion/interceptor/pkg/jitterbuffer"
	"github.com/pion/rtp"
)

// The packets of bench_rtp: its header and extensions, zeros as payload.
var (
	smallPacket = []byte{
		0x92, 0xe0, 0x69, 0x8f, 0xd9, 0xc2, 0x93, 0xda, 0x1c, 0x64, 0x27, 0x82, 0, 0, 0, 1, 0, 0, 0, 2,
		0x10, 0x00, 0, 2, 1, 2, 3, 4, 2, 2, 5, 6,
		0, 0, 0, 0,
	}
	chromiumPacket = append([]byte{
		0x90, 0xe0, 0x69, 0x8f, 0xd9, 0xc2, 0x93, 0xda, 0x1c, 0x64, 0x27, 0x82,
		0xbe, 0xde, 0, 4, 0x12, 0, 0, 0, 0x22, 0, 0, 0, 0x30, 0, 0x41, 0, 0, 0x50, '0', 0,
	}, make([]byte, 1000)...)
)

const (
	absSendTime = 2 // in Chromium's packet
	transportCC = 4
)

// The struct is used again and again.
func parse(raw []byte) func(int) {
	var packet rtp.Packet
	return func(count int) {
		for range count {
			must(packet.Unmarshal(raw))
		}
	}
}

func marshal(raw []byte) func(int) {
	var packet rtp.Packet
	must(packet.Unmarshal(raw))
	buffer := make([]byte, 1200)
	return func(count int) {
		for range count {
			packet.SequenceNumber++
			_, err := packet.MarshalTo(buffer)
			must(err)
		}
	}
}

// Extensions are part of the header struct, so both are set before the header is written.
func marshalHeader(raw []byte) func(int) {
	var header rtp.Header
	_, err := header.Unmarshal(raw)
	must(err)
	buffer := make([]byte, 1200)
	var sendTime [3]byte
	var number [2]byte
	return func(count int) {
		for i := range count {
			header.SequenceNumber++
			sendTime = [3]byte{byte(i >> 16), byte(i >> 8), byte(i)}
			number = [2]byte{byte(header.SequenceNumber >> 8), byte(header.SequenceNumber)}
			must(header.SetExtension(absSendTime, sendTime[:]))
			must(header.SetExtension(transportCC, number[:]))
			_, err := header.MarshalTo(buffer)
			must(err)
		}
	}
}

// In order with one packet inside, as bench_jitter's Opus. A packet that was taken out is pushed again.
func jitter() func(int) {
	buffer := jitterbuffer.New(jitterbuffer.WithMinimumPacketCount(1))
	packet := &rtp.Packet{Payload: make([]byte, 200)}
	return func(count int) {
		for range count {
			buffer.Push(packet)
			popped, err := buffer.Pop()
			must(err)
			packet = popped
			packet.SequenceNumber++
			packet.Timestamp += 960
		}
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--fast" {
		batches, batchLength = 9, time.Millisecond
	}
	measure("rtp", "rtp_parse: 2 CSRCs, 2 two-byte extensions", parse(smallPacket))
	measure("rtp", "rtp_parse: Chromium's 5 one-byte extensions", parse(chromiumPacket))
	measure("rtp", "rtp_marshal: 2 CSRCs, 2 two-byte extensions", marshal(smallPacket))
	measure("rtp", "rtp_marshal: Chromium's header, 2 elements anew", marshalHeader(chromiumPacket))
	measureSRTP()
	measureInterceptors()
	measure("interceptor", "jitter: push and pop in order", jitter())
}
