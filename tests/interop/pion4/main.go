// pion4: today's pion as an end of audio and video, with the commands of page.js and page_media.js as JSON lines: new, add, offer,
// answer, accept, watch, keyframe, media_stats, end. It has no codecs: it sends the files of frames.py, or echoes packets, and
// counts what comes.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
)

type request struct {
	Seq       int    `json:"seq"`
	Do        string `json:"do"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Codec     string `json:"codec"`
	Direction string `json:"direction"`
	How       string `json:"how"`
	Source    int    `json:"source"`
	Frames    int    `json:"frames"`
	SDP       string `json:"sdp"`
	Take      []request
}

type answer map[string]any

func milliseconds() float64 { return float64(time.Now().UnixNano()) / 1e6 }

// A transceiver, with what is sent on it and what came.
type line struct {
	mutex       sync.Mutex
	changed     *sync.Cond
	name, kind  string
	transceiver *webrtc.RTPTransceiver
	stop        chan struct{}
	echo        *webrtc.TrackLocalStaticRTP
	ssrc        webrtc.SSRC
	codec       string
	packets     int
	frames      int // packets with a marker
	last        uint16
	backwards   int
	keyframes   int // requests that came
	rembs       int
	firstAt     float64
}

type end struct {
	api     *webrtc.API
	peer    *webrtc.PeerConnection
	mutex   sync.Mutex
	changed *sync.Cond
	lines   []*line
}

func newAPI() (*webrtc.API, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry)), nil
}

func (e *end) find(name string) (*line, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, l := range e.lines {
		if l.name == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no line %q", name)
}

func (e *end) lineOf(t *webrtc.RTPTransceiver, name string) *line {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, l := range e.lines {
		if l.transceiver == t {
			if name != "" {
				l.name = name
			}
			return l
		}
	}
	l := &line{name: name, kind: t.Kind().String(), transceiver: t, stop: make(chan struct{})}
	l.changed = sync.NewCond(&l.mutex)
	e.lines = append(e.lines, l)
	return l
}

// ---- sending ----

func mimeOf(r request) string {
	if r.Kind == "audio" {
		return webrtc.MimeTypeOpus
	}
	if r.Codec == "" {
		return webrtc.MimeTypeVP8
	}
	return "video/" + r.Codec
}

// The track to send, and what starts sending on it.
func (e *end) source(r request) (webrtc.TrackLocal, func(*line), error) {
	capability := webrtc.RTPCodecCapability{MimeType: mimeOf(r)}
	if r.How == "echo" {
		track, err := webrtc.NewTrackLocalStaticRTP(capability, r.Kind, "pion")
		return track, func(l *line) { l.echo = track }, err
	}
	track, err := webrtc.NewTrackLocalStaticSample(capability, r.Kind, "pion")
	return track, func(l *line) { go e.send(l, track, r) }, err
}

func (e *end) send(l *line, track *webrtc.TrackLocalStaticSample, r request) {
	for e.peer.ConnectionState() != webrtc.PeerConnectionStateConnected {
		time.Sleep(time.Millisecond)
	}
	codec := strings.ToLower(strings.SplitN(mimeOf(r), "/", 2)[1])
	path := fmt.Sprintf("%s/interop/media/%s-%d.ivf", os.Getenv("INTEROP_OUT"), codec, max(1, r.Source))
	if err := play(path, track, l.stop); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "pion4:", err)
	}
}

func play(path string, track *webrtc.TrackLocalStaticSample, stop chan struct{}) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	reader, header, err := ivfreader.NewWith(file)
	if err != nil {
		return err
	}
	period := time.Second * time.Duration(header.TimebaseNumerator) / time.Duration(header.TimebaseDenominator)
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		frame, _, err := reader.ParseNextFrame()
		if err != nil {
			return err
		}
		if err = track.WriteSample(media.Sample{Data: frame, Duration: period}); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-stop:
			return nil
		}
	}
}

// Reads what the other side says of our stream.
func (e *end) hear(l *line, sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			l.mutex.Lock()
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				l.keyframes++
				if l.echo != nil && l.ssrc != 0 {
					_ = e.peer.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(l.ssrc)}})
				}
			case *rtcp.ReceiverEstimatedMaximumBitrate:
				l.rembs++
			}
			l.mutex.Unlock()
		}
	}
}

func (e *end) onTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	for _, t := range e.peer.GetTransceivers() {
		if t.Receiver() == receiver {
			l := e.lineOf(t, "")
			l.mutex.Lock()
			l.ssrc = track.SSRC()
			l.codec = strings.SplitN(track.Codec().MimeType, "/", 2)[1]
			l.mutex.Unlock()
			l.receive(track)
		}
	}
}

func (l *line) receive(track *webrtc.TrackRemote) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		l.mutex.Lock()
		if l.packets == 0 {
			l.firstAt = milliseconds()
		} else if packet.SequenceNumber-l.last > 1<<15 {
			l.backwards++
		}
		l.last = packet.SequenceNumber
		l.packets++
		if packet.Marker || l.kind == "audio" {
			l.frames++
		}
		if l.echo != nil {
			_ = l.echo.WriteRTP(packet)
		}
		l.changed.Broadcast()
		l.mutex.Unlock()
	}
}

// ---- commands ----

func (e *end) close() {
	if e.peer == nil {
		return
	}
	for _, l := range e.lines {
		close(l.stop)
	}
	_ = e.peer.Close()
	e.peer = nil
	e.lines = nil
}

func (e *end) new(request) (answer, error) {
	e.close()
	peer, err := e.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	e.peer = peer
	peer.OnTrack(e.onTrack)
	return answer{}, nil
}

// The codec asked for, and then the others.
func prefer(t *webrtc.RTPTransceiver, r request) error {
	if r.Codec == "" {
		return nil
	}
	var wanted, rest []webrtc.RTPCodecParameters
	for _, c := range t.Receiver().GetParameters().Codecs {
		if strings.EqualFold(c.MimeType, mimeOf(r)) {
			wanted = append(wanted, c)
		} else {
			rest = append(rest, c)
		}
	}
	return t.SetCodecPreferences(append(wanted, rest...))
}

func (e *end) add(r request) (answer, error) {
	direction := webrtc.NewRTPTransceiverDirection(r.Direction)
	if r.Direction == "" {
		direction = webrtc.RTPTransceiverDirectionSendrecv
	}
	init := webrtc.RTPTransceiverInit{Direction: direction}
	if direction == webrtc.RTPTransceiverDirectionRecvonly {
		t, err := e.peer.AddTransceiverFromKind(webrtc.NewRTPCodecType(r.Kind), init)
		if err != nil {
			return nil, err
		}
		e.lineOf(t, r.Name)
		return answer{}, prefer(t, r)
	}
	track, start, err := e.source(r)
	if err != nil {
		return nil, err
	}
	t, err := e.peer.AddTransceiverFromTrack(track, init)
	if err != nil {
		return nil, err
	}
	l := e.lineOf(t, r.Name)
	go e.hear(l, t.Sender())
	start(l)
	return answer{}, prefer(t, r)
}

func (e *end) take(r request) error {
	for _, t := range e.peer.GetTransceivers() {
		if t.Kind().String() != r.Kind || e.known(t) {
			continue
		}
		l := e.lineOf(t, r.Name)
		if err := prefer(t, r); err != nil {
			return err
		}
		if r.Direction == "recvonly" {
			return nil
		}
		track, start, err := e.source(r)
		if err != nil {
			return err
		}
		sender, err := e.peer.AddTrack(track)
		if err != nil {
			return err
		}
		if t.Sender() != sender {
			return errors.New("the track went to another transceiver")
		}
		go e.hear(l, sender)
		start(l)
		return nil
	}
	return fmt.Errorf("no new %s in the offer", r.Kind)
}

func (e *end) known(t *webrtc.RTPTransceiver) bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, l := range e.lines {
		if l.transceiver == t && l.name != "" {
			return true
		}
	}
	return false
}

func (e *end) told(d webrtc.SessionDescription, began float64) (answer, error) {
	gathered := webrtc.GatheringCompletePromise(e.peer)
	if err := e.peer.SetLocalDescription(d); err != nil {
		return nil, err
	}
	<-gathered
	return answer{"sdp": e.peer.LocalDescription().SDP, "at": milliseconds(), "started": began}, nil
}

func (e *end) offer(request) (answer, error) {
	began := milliseconds()
	d, err := e.peer.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	return e.told(d, began)
}

func (e *end) answer(r request) (answer, error) {
	began := milliseconds()
	if err := e.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: r.SDP}); err != nil {
		return nil, err
	}
	for _, t := range r.Take {
		if t.Name == "" {
			t.Name = t.Kind
		}
		if err := e.take(t); err != nil {
			return nil, err
		}
	}
	d, err := e.peer.CreateAnswer(nil)
	if err != nil {
		return nil, err
	}
	return e.told(d, began)
}

func (e *end) accept(r request) (answer, error) {
	return answer{}, e.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: r.SDP})
}

func (l *line) report() answer {
	return answer{
		"shown": l.frames, "packets": l.packets, "backwards": l.backwards, "first_at": l.firstAt, "codec": l.codec,
		"keyframe_requests": l.keyframes, "rembs": l.rembs,
	}
}

func (e *end) watch(r request) (answer, error) {
	l, err := e.find(r.Name)
	if err != nil {
		return nil, err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for goal := l.frames + max(5, r.Frames); l.frames < goal; {
		l.changed.Wait()
	}
	return l.report(), nil
}

func (e *end) keyframe(r request) (answer, error) {
	l, err := e.find(r.Name)
	if err != nil {
		return nil, err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return answer{}, e.peer.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(l.ssrc)}})
}

func (e *end) mediaStats(r request) (answer, error) {
	l, err := e.find(r.Name)
	if err != nil {
		return nil, err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.report(), nil
}

func (e *end) run(r request, output *json.Encoder, lock *sync.Mutex) {
	commands := map[string]func(request) (answer, error){
		"new": e.new, "add": e.add, "offer": e.offer, "answer": e.answer, "accept": e.accept, "watch": e.watch,
		"keyframe": e.keyframe, "media_stats": e.mediaStats,
		"end": func(request) (answer, error) { e.close(); return answer{}, nil },
	}
	if r.Name == "" {
		r.Name = r.Kind
	}
	a, err := answer{}, fmt.Errorf("no command %q", r.Do)
	if command := commands[r.Do]; command != nil {
		a, err = command(r)
	}
	if err != nil {
		a = answer{"error": err.Error()}
	}
	a["seq"] = r.Seq
	lock.Lock()
	defer lock.Unlock()
	_ = output.Encode(a)
}

func main() {
	api, err := newAPI()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pion4:", err)
		os.Exit(1)
	}
	e := &end{api: api}
	output, lock := json.NewEncoder(os.Stdout), &sync.Mutex{}
	input := bufio.NewReader(os.Stdin)
	for {
		text, err := input.ReadBytes('\n')
		if err != nil {
			break
		}
		var r request
		if err = json.Unmarshal(text, &r); err != nil {
			fmt.Fprintln(os.Stderr, "pion4:", err)
			continue
		}
		go e.run(r, output, lock)
	}
	e.close()
}
