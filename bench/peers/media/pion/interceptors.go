package main

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// A packet a millisecond of the packets' own time, and TWCC each 50 of them, as in bench_interceptors. The NACK generator and
// the RR have timers of real time that cannot be replaced, so they speak once in many thousand packets.
const (
	gap          = time.Millisecond
	feedbackEach = 50
	ssrc         = 77
	absSendID    = 1
	transportID  = 2
	midID        = 3
	transportURI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)

// The goroutines of the chain ask for the time, too.
type virtual struct {
	now  atomic.Int64
	tick chan time.Time
}

func (v *virtual) Ch() <-chan time.Time { return v.tick }
func (v *virtual) Stop()                {}
func (v *virtual) clock() time.Time     { return time.Unix(0, v.now.Load()) }

var (
	stream = &interceptor.StreamInfo{
		SSRC: ssrc, PayloadType: 96, ClockRate: 90000, MimeType: "video/VP8",
		RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: transportURI, ID: transportID}},
		RTCPFeedback:        []interceptor.RTCPFeedback{{Type: "nack"}, {Type: "transport-cc"}},
	}
	// Header and extensions as bench_interceptors has them, and 1,200 bytes in all.
	mediaPacket = append([]byte{
		0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, ssrc,
		0xbe, 0xde, 0, 3, 0x12, 0, 0, 0, 0x21, 0, 0, 0x30, '0', 0, 0, 0,
	}, make([]byte, 1172)...)
)

func chain(factories ...interceptor.Factory) interceptor.Interceptor {
	var registry interceptor.Registry
	for _, factory := range factories {
		registry.Add(factory)
	}
	made, err := registry.Build("")
	must(err)
	return made
}

// RTCP is written to bytes that nobody sends.
func bindRTCP(made interceptor.Interceptor) {
	made.BindRTCPWriter(interceptor.RTCPWriterFunc(func(packets []rtcp.Packet, _ interceptor.Attributes) (int, error) {
		raw, err := rtcp.Marshal(packets)
		return len(raw), err
	}))
}

// The buffer and the map of attributes are used again. The chain makes a header of its own for each packet.
func measureReceive(v *virtual) {
	generator, err := nack.NewGeneratorInterceptor()
	must(err)
	receiver, err := report.NewReceiverInterceptor(report.ReceiverNow(v.clock))
	must(err)
	sender, err := twcc.NewSenderInterceptor(twcc.SendNow(v.clock),
		twcc.SendTicker(func(time.Duration) twcc.Ticker { return v }))
	must(err)
	made := chain(generator, receiver, sender)
	bindRTCP(made)
	reader := made.BindRemoteStream(stream, interceptor.RTPReaderFunc(
		func(buffer []byte, attributes interceptor.Attributes) (int, interceptor.Attributes, error) {
			return len(mediaPacket), attributes, nil
		}))
	attributes := make(interceptor.Attributes)
	var number uint16
	measure("interceptor", "interceptors: receive, NACK + RR + TWCC", func(count int) {
		for range count {
			number++
			binary.BigEndian.PutUint16(mediaPacket[2:], number)
			binary.BigEndian.PutUint16(mediaPacket[21:], number)
			v.now.Add(int64(gap))
			clear(attributes)
			_, _, err := reader.Read(mediaPacket, attributes)
			must(err)
			if number%feedbackEach == 0 {
				v.tick <- v.clock()
			}
		}
	})
	must(made.Close())
}

// The header is used again. The history copies header and payload into buffers of a pool.
func measureSend(v *virtual) {
	responder, err := nack.NewResponderInterceptor()
	must(err)
	reporter, err := report.NewSenderInterceptor(report.SenderNow(v.clock))
	must(err)
	numbers, err := twcc.NewHeaderExtensionInterceptor()
	must(err)
	made := chain(responder, reporter, numbers)
	bindRTCP(made)
	buffer := make([]byte, 1500)
	writer := made.BindLocalStream(stream, interceptor.RTPWriterFunc(
		func(header *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
			return rtp.MarshalPacketTo(buffer, header, payload)
		}))
	var header rtp.Header
	length, err := header.Unmarshal(mediaPacket)
	must(err)
	payload := mediaPacket[length:]
	var sendTime [3]byte
	measure("interceptor", "interceptors: send, history + SR + TWCC", func(count int) {
		for i := range count {
			header.SequenceNumber++
			header.Timestamp += 90
			v.now.Add(int64(gap))
			sendTime = [3]byte{byte(i >> 16), byte(i >> 8), byte(i)}
			must(header.SetExtension(absSendID, sendTime[:]))
			_, err := writer.Write(&header, payload, nil)
			must(err)
		}
	})
	must(made.Close())
}

func measureInterceptors() {
	v := &virtual{tick: make(chan time.Time)}
	v.now.Store(time.Now().UnixNano())
	measureReceive(v)
	measureSend(v)
}
