// pion_peer: pion's end of an echo, told as `sluice echo --stdio` is: descriptions as JSON lines, candidates inside. It echoes
// every message on every channel, opens "echo" when it offers, and ends when stdin does.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pion/webrtc/v3"
)

type line struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pion_peer:", err)
		os.Exit(1)
	}
}

func echo(channel *webrtc.DataChannel) {
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		if m.IsString {
			check(channel.SendText(string(m.Data)))
		} else {
			check(channel.Send(m.Data))
		}
	})
}

// Makes the description ours and prints it once its candidates are inside.
func say(peer *webrtc.PeerConnection, description webrtc.SessionDescription) {
	gathered := webrtc.GatheringCompletePromise(peer)
	check(peer.SetLocalDescription(description))
	<-gathered
	local := peer.LocalDescription()
	check(json.NewEncoder(os.Stdout).Encode(line{local.Type.String(), local.SDP}))
}

func hear(peer *webrtc.PeerConnection, l line) {
	check(peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.NewSDPType(l.Type), SDP: l.SDP}))
	if l.Type == "offer" {
		answer, err := peer.CreateAnswer(nil)
		check(err)
		say(peer, answer)
	}
}

func main() {
	peer, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	check(err)
	peer.OnDataChannel(echo)
	if len(os.Args) > 1 && os.Args[1] == "--offer" {
		channel, err := peer.CreateDataChannel("echo", nil)
		check(err)
		echo(channel)
		offer, err := peer.CreateOffer(nil)
		check(err)
		say(peer, offer)
	}
	input := bufio.NewReader(os.Stdin)
	for {
		text, err := input.ReadBytes('\n')
		if err != nil {
			break
		}
		var l line
		check(json.Unmarshal(text, &l))
		hear(peer, l)
	}
	check(peer.Close())
}
