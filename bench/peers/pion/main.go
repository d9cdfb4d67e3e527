// pion: the work of bench/peers on pion v4. Both peers are in one process, whose goroutines use every core.
//
//	pion bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT
//
// Prints one line of JSON, as bench/peers/README.md says.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	high = 1 << 20
	low  = high / 2
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/pion/webrtc/v4" {
			return module.Version
		}
	}
	return "unknown"
}

type pair struct {
	offerer, answerer *webrtc.PeerConnection
	channel           *webrtc.DataChannel
	open              chan struct{}
}

func gather(peer *webrtc.PeerConnection, description webrtc.SessionDescription) webrtc.SessionDescription {
	complete := webrtc.GatheringCompletePromise(peer)
	must(peer.SetLocalDescription(description))
	<-complete
	return *peer.LocalDescription()
}

// The channel at the answerer is passed to arrived before it is open.
func connect(options *webrtc.DataChannelInit, arrived func(*webrtc.DataChannel)) *pair {
	p := &pair{open: make(chan struct{})}
	var err error
	p.offerer, err = webrtc.NewPeerConnection(webrtc.Configuration{})
	must(err)
	p.answerer, err = webrtc.NewPeerConnection(webrtc.Configuration{})
	must(err)
	p.answerer.OnDataChannel(arrived)
	p.channel, err = p.offerer.CreateDataChannel("peers", options)
	must(err)
	p.channel.OnOpen(func() { close(p.open) })
	offer, err := p.offerer.CreateOffer(nil)
	must(err)
	must(p.answerer.SetRemoteDescription(gather(p.offerer, offer)))
	answer, err := p.answerer.CreateAnswer(nil)
	must(err)
	must(p.offerer.SetRemoteDescription(gather(p.answerer, answer)))
	return p
}

func (p *pair) close() {
	_ = p.offerer.Close()
	_ = p.answerer.Close()
}

func bulk(size int, lasts time.Duration, options *webrtc.DataChannelInit) map[string]any {
	var received, bytes, first, last atomic.Int64
	p := connect(options, func(channel *webrtc.DataChannel) {
		channel.OnMessage(func(message webrtc.DataChannelMessage) {
			now := time.Now().UnixNano()
			first.CompareAndSwap(0, now)
			last.Store(now)
			received.Add(1)
			bytes.Add(int64(len(message.Data)))
		})
	})
	room := make(chan struct{}, 1)
	p.channel.SetBufferedAmountLowThreshold(low)
	p.channel.OnBufferedAmountLow(func() {
		select {
		case room <- struct{}{}:
		default:
		}
	})
	<-p.open
	data := make([]byte, size)
	end := time.Now().Add(lasts)
	sent := 0
	for ; time.Now().Before(end); sent++ {
		must(p.channel.Send(data))
		if p.channel.BufferedAmount() >= high {
			select {
			case <-room:
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	for i := 0; i < 20 && p.channel.BufferedAmount() > 0; i++ {
		time.Sleep(100 * time.Millisecond)
	}
	return map[string]any{"size": size, "reliable": options == nil, "sent": sent, "received": received.Load(), "bytes": bytes.Load(),
		"seconds": float64(last.Load()-first.Load()) / 1e9}
}

func at(sorted []float64, share float64) float64 {
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*share))]
}

func ping(size int, lasts time.Duration) map[string]any {
	p := connect(nil, func(channel *webrtc.DataChannel) {
		channel.OnMessage(func(message webrtc.DataChannelMessage) { _ = channel.Send(message.Data) })
	})
	back := make(chan struct{})
	p.channel.OnMessage(func(webrtc.DataChannelMessage) { back <- struct{}{} })
	<-p.open
	data := make([]byte, size)
	trips := []float64{}
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		begin := time.Now()
		must(p.channel.Send(data))
		<-back
		trips = append(trips, float64(time.Since(begin).Nanoseconds())/1e3)
	}
	sort.Float64s(trips)
	return map[string]any{"size": size, "count": len(trips), "p50_us": at(trips, 0.5), "p99_us": at(trips, 0.99), "p999_us": at(trips, 0.999)}
}

func open(count int) map[string]any {
	times := []float64{}
	for range count {
		begin := time.Now()
		p := connect(nil, func(*webrtc.DataChannel) {})
		<-p.open
		times = append(times, float64(time.Since(begin).Microseconds())/1e3)
		p.close()
	}
	sort.Float64s(times)
	return map[string]any{"count": count, "median_ms": at(times, 0.5), "worst_ms": times[count-1]}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

func main() {
	arguments := os.Args[1:]
	var said map[string]any
	switch {
	case len(arguments) == 2 && arguments[0] == "open":
		said = open(number(arguments[1]))
	case len(arguments) >= 3 && arguments[0] == "ping":
		said = ping(number(arguments[1]), time.Duration(number(arguments[2]))*time.Second)
	case len(arguments) >= 3 && arguments[0] == "bulk":
		var options *webrtc.DataChannelInit
		if len(arguments) == 4 {
			ordered, again := false, uint16(0)
			options = &webrtc.DataChannelInit{Ordered: &ordered, MaxRetransmits: &again}
		}
		said = bulk(number(arguments[1]), time.Duration(number(arguments[2]))*time.Second, options)
	default:
		fmt.Fprintln(os.Stderr, "usage: pion bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT")
		os.Exit(2)
	}
	said["stack"], said["version"], said["mode"] = "pion", version(), arguments[0]
	must(json.NewEncoder(os.Stdout).Encode(said))
}
