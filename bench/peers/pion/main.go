// pion: the work of bench/peers on pion v4. The answerer is a process of its own: this program again, called with "--answer", whose
// command begins with the words of PEER_EXEC. Goroutines of both use every core. Descriptions pass over the answerer's pipes, a
// JSON object each.
//
//	pion bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT
//
// Prints one line of JSON, as bench/peers/README.md says.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
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

func gather(peer *webrtc.PeerConnection, description webrtc.SessionDescription) *webrtc.SessionDescription {
	complete := webrtc.GatheringCompletePromise(peer)
	must(peer.SetLocalDescription(description))
	<-complete
	return peer.LocalDescription()
}

// ---- the answerer ----

type request struct {
	Offer *webrtc.SessionDescription `json:"offer,omitempty"`
	Done  bool                       `json:"done,omitempty"`
}

type reply struct {
	Answer                  *webrtc.SessionDescription `json:"answer,omitempty"`
	Received, Bytes, TookNs int64
}

type counted struct {
	received, bytes, first, last atomic.Int64
}

func (c *counted) came(message webrtc.DataChannelMessage) {
	now := time.Now().UnixNano()
	c.first.CompareAndSwap(0, now)
	c.last.Store(now)
	c.received.Add(1)
	c.bytes.Add(int64(len(message.Data)))
}

func answerTo(offer *webrtc.SessionDescription, echo bool, count *counted) (*webrtc.PeerConnection, reply) {
	peer, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	must(err)
	peer.OnDataChannel(func(channel *webrtc.DataChannel) {
		channel.OnMessage(func(message webrtc.DataChannelMessage) {
			if echo {
				_ = channel.Send(message.Data)
			}
			count.came(message)
		})
	})
	must(peer.SetRemoteDescription(*offer))
	answer, err := peer.CreateAnswer(nil)
	must(err)
	return peer, reply{Answer: gather(peer, answer)}
}

// Answers each offer with a new peer, and says at the end what came.
func answer(mode string) {
	var peer *webrtc.PeerConnection
	var count counted
	requests, replies := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked request
		var said reply
		if requests.Decode(&asked) != nil {
			return
		}
		if asked.Done {
			said = reply{Received: count.received.Load(), Bytes: count.bytes.Load(), TookNs: count.last.Load() - count.first.Load()}
		} else {
			if peer != nil {
				_ = peer.Close()
			}
			peer, said = answerTo(asked.Offer, mode == "ping", &count)
		}
		must(replies.Encode(said))
	}
}

// The process at the other end.
type answerer struct {
	command  *exec.Cmd
	requests *json.Encoder
	replies  *json.Decoder
	end      func() error
}

func start(mode string) *answerer {
	program, err := os.Executable()
	must(err)
	words := append(strings.Fields(os.Getenv("PEER_EXEC")), program, "--answer", mode)
	command := exec.Command(words[0], words[1:]...)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	must(err)
	out, err := command.StdoutPipe()
	must(err)
	must(command.Start())
	return &answerer{command, json.NewEncoder(in), json.NewDecoder(out), in.Close}
}

func (a *answerer) ask(asked request) (said reply) {
	must(a.requests.Encode(asked))
	must(a.replies.Decode(&said))
	return said
}

func (a *answerer) stop() {
	must(a.end())
	must(a.command.Wait())
}

// ---- the offerer ----

type offerer struct {
	peer    *webrtc.PeerConnection
	channel *webrtc.DataChannel
	open    chan struct{}
}

func connect(other *answerer, options *webrtc.DataChannelInit) *offerer {
	p := &offerer{open: make(chan struct{})}
	var err error
	p.peer, err = webrtc.NewPeerConnection(webrtc.Configuration{})
	must(err)
	p.channel, err = p.peer.CreateDataChannel("peers", options)
	must(err)
	p.channel.OnOpen(func() { close(p.open) })
	offer, err := p.peer.CreateOffer(nil)
	must(err)
	must(p.peer.SetRemoteDescription(*other.ask(request{Offer: gather(p.peer, offer)}).Answer))
	return p
}

func bulk(other *answerer, size int, lasts time.Duration, options *webrtc.DataChannelInit) map[string]any {
	p := connect(other, options)
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
	came := other.ask(request{Done: true})
	return map[string]any{"size": size, "reliable": options == nil, "sent": sent, "received": came.Received, "bytes": came.Bytes,
		"seconds": float64(came.TookNs) / 1e9}
}

func at(sorted []float64, share float64) float64 {
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*share))]
}

func ping(other *answerer, size int, lasts time.Duration) map[string]any {
	p := connect(other, nil)
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

func open(other *answerer, count int) map[string]any {
	times := []float64{}
	for range count {
		begin := time.Now()
		p := connect(other, nil)
		<-p.open
		times = append(times, float64(time.Since(begin).Microseconds())/1e3)
		_ = p.peer.Close()
	}
	sort.Float64s(times)
	return map[string]any{"count": count, "median_ms": at(times, 0.5), "worst_ms": times[count-1]}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

func work(arguments []string) map[string]any {
	switch {
	case len(arguments) == 2 && arguments[0] == "open":
		other := start("open")
		defer other.stop()
		return open(other, number(arguments[1]))
	case len(arguments) >= 3 && arguments[0] == "ping":
		other := start("ping")
		defer other.stop()
		return ping(other, number(arguments[1]), time.Duration(number(arguments[2]))*time.Second)
	case len(arguments) >= 3 && arguments[0] == "bulk":
		other := start("bulk")
		defer other.stop()
		var options *webrtc.DataChannelInit
		if len(arguments) == 4 {
			ordered, again := false, uint16(0)
			options = &webrtc.DataChannelInit{Ordered: &ordered, MaxRetransmits: &again}
		}
		return bulk(other, number(arguments[1]), time.Duration(number(arguments[2]))*time.Second, options)
	}
	fmt.Fprintln(os.Stderr, "usage: pion bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS | open COUNT")
	os.Exit(2)
	return nil
}

func main() {
	arguments := os.Args[1:]
	if len(arguments) == 2 && arguments[0] == "--answer" {
		answer(arguments[1])
		return
	}
	said := work(arguments)
	said["stack"], said["version"], said["mode"] = "pion", version(), arguments[0]
	must(json.NewEncoder(os.Stdout).Encode(said))
}
