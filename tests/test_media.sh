#!/bin/sh
# Do two `sluice media` bring files from one to the other, end in order on Ctrl-C and when the other one dies, and say what was
# wrong? Which bytes arrive is the business of test_tool_media.c.
. "$(dirname "$0")/script.sh"
. tests/tool.sh

vectors=tests/vectors/media
to=$scratch/to
room=$scratch/room
mkdir "$to"
said() { # $1: the end, $2: what it has to say on stderr
	grep -q -- "$2" "$scratch/$1.err" || { cat "$scratch/$1.err"; fail "$1: no '$2'"; }
}
printed() { # $1: the end, $2: what it has to print
	grep -q -- "$2" "$scratch/$1.out" || { cat "$scratch/$1.out"; fail "$1: does not print '$2'"; }
}
# $1: the end that plays; the rest: files and options
begin() {
	rm -f "$room"*
	start receive /dev/null media $here --receive "$to" --signal "$room" --timeout 3
	receiver=$pid
	until_true test -e "$room"
	start play /dev/null media $here --signal "$room" --timeout 3 --play "$@"
	player=$pid
}

# ---- files arrive ----

begin $vectors/vp8.ivf $vectors/opus.ogg
ended $player 0 'play'
ended $receiver 0 'receive'
for end in play receive; do
	[ ! -s "$scratch/$end.err" ] || { cat "$scratch/$end.err"; fail "$end: words without a reason"; }
done
printed play '^ *1\.[0-9] s  video-1 VP8 out .* kb/s .* frames  loss 0  NACK [0-9]*  jitter .* RTT '
printed receive '^ *1\.[0-9] s  audio-0 opus in .* kb/s .* frames  loss 0  NACK [0-9]*  jitter .* RTT '
printed receive '^video-1 received: .* 24 frames; 0 lost'
printed receive '/video-1-VP8.ivf: 24 frames, 3 keyframes, 15008 bytes'
printed receive '/audio-0-opus.ogg: 76 packets, 6604 bytes'
printed play '^tests/vectors/media/vp8.ivf: 24 frames, 3 keyframes, 15008 bytes were sent$'
printed play '^video-1 sent: .* 24 frames; 0 lost'

# A file of ours is played again, and the file at the other end has the same bytes. What is there is not touched.
mv "$to/video-1-VP8.ivf" "$scratch/first.ivf"
cp "$to/audio-0-opus.ogg" "$scratch/first.ogg"
begin "$scratch/first.ivf" "$scratch/first.ogg"
ended $player 0 'once more, play'
ended $receiver 0 'once more, receive'
cmp "$scratch/first.ivf" "$to/video-1-VP8.ivf" || fail 'the video differs when it is played again'
cmp "$scratch/first.ogg" "$to/audio-0-opus.ogg" || fail 'a file that was there is another one now'
[ -s "$to/audio-0-opus-2.ogg" ] || { ls "$to"; fail 'no file with a number'; }
if command -v ffprobe >/dev/null 2>&1; then
	frames=$(ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 "$to/video-1-VP8.ivf")
	[ "$frames" = 24 ] || fail "ffprobe decodes '$frames' frames of 24"
fi

# ---- Ctrl-C, and an end that dies ----

# A file that grows: its frames come.
grows() {
	[ "$(stat -c %s "$to/video-1-VP8.ivf" 2>/dev/null || echo 0)" -gt 5000 ]
}
for who in receive play; do
	rm -f "$to"/*
	begin --loop $vectors/vp8.ivf
	until_true grows
	case $who in receive) victim=$receiver other=$player name=play ;; *) victim=$player other=$receiver name=receive ;; esac
	kill -INT "$(inner $victim)"
	ended $victim 130 "Ctrl-C, $who"
	ended $other 0 "Ctrl-C, $name"
	printed receive '/video-1-VP8.ivf: [0-9]* frames'
	printed play '^video-1 sent: '
done
for who in receive play; do
	rm -f "$to"/*
	begin --loop $vectors/vp8.ivf
	until_true grows
	case $who in receive) victim=$receiver other=$player name=play ;; *) victim=$player other=$receiver name=receive ;; esac
	kill -KILL "$(inner $victim)"
	wait $victim || true
	ended $other 1 "the $who died, $name"
	said $name 'the connection broke'
done
printed receive '/video-1-VP8.ivf: [0-9]* frames' # the player was killed last
! command -v ffprobe >/dev/null 2>&1 || ffprobe -v error -count_frames "$to/video-1-VP8.ivf" || fail 'the file cannot be read'

# ---- what is recorded ----

begin $vectors/vp8.ivf --start-bitrate 3000000 --rtp-pcap "$scratch/pcap" --trace "$scratch/trace"
ended $player 0 '--rtp-pcap'
ended $receiver 0 '--rtp-pcap, receive'
[ "$(od -An -tx4 -N4 "$scratch/pcap" | tr -d ' ')" = a1b23c4d ] || fail '--rtp-pcap: no capture file'
[ "$(od -An -tu4 -j20 -N4 "$scratch/pcap" | tr -d ' ')" = 101 ] || fail '--rtp-pcap: another link type'
[ "$(stat -c %s "$scratch/pcap")" -gt 15008 ] || fail '--rtp-pcap: the frames are not in it'
if command -v tshark >/dev/null 2>&1; then
	seen=$(tshark -r "$scratch/pcap" -d udp.port==5004,rtp -Y rtp 2>/dev/null | wc -l)
	[ "$seen" -ge 24 ] || fail "--rtp-pcap: tshark sees $seen packets of RTP"
fi
sed -n 1p "$scratch/trace" | grep -q 'urn:sluice:qlog:events:media-1' || fail '--trace: the first line is no header'
! grep -qv '^{.*}$' "$scratch/trace" || fail '--trace: a line that is no object'
grep -q '"name":"media:metrics_updated".*"target_bitrate":3000000' "$scratch/trace" || fail '--trace: the estimate is missing'
run 1 media $here --echo --signal "$room" --rtp-pcap "$scratch/none/file"
grep -q "cannot write $scratch/none/file" "$err" || { cat "$err"; fail '--rtp-pcap: no clear message'; }

# ---- how long ----

rm -f "$room"*
start echo /dev/null media $here --echo --signal "$room" --duration 1
echo=$pid
until_true test -e "$room"
start play /dev/null media $here --signal "$room" --receive "$to" --play --loop $vectors/vp8.ivf
ended $echo 0 '--duration'
ended $pid 0 '--loop, and the other side ends'
printed echo '^video-1 sent: '

# ---- what cannot be ----

run 1 media $here --play "$scratch/missing"
grep -q 'missing: No such file' "$err" || { cat "$err"; fail 'a missing file: no clear message'; }
run 1 media $here --play README.md
grep -q 'cannot play README.md: expected VP8' "$err" || { cat "$err"; fail 'no media file: no clear message'; }
run 1 media $here --receive "$scratch/nowhere"
grep -q 'nowhere: No such file' "$err" || { cat "$err"; fail 'no folder: no clear message'; }
run 1 media $here --receive README.md
grep -q 'README.md: Not a directory' "$err" || { cat "$err"; fail 'a file for a folder: no clear message'; }
rm -f "$room"*
run 1 media $here --receive "$to" --timeout 0.5 --signal "$room"
grep -q 'room.answer' "$err" || { cat "$err"; fail 'nobody there: no clear message'; }

# More files than the offer has sections for, and an end that takes none.
rm -f "$room"*
start receive /dev/null media $here --receive "$to" --signal "$room" --timeout 3
receiver=$pid
until_true test -e "$room"
run 1 media $here --signal "$room" --play $vectors/vp8.ivf $vectors/vp9.ivf
grep -q 'no place for .*vp9.ivf.*--offer' "$err" || { cat "$err"; fail 'too many files: no clear message'; }
ended $receiver 1 'too many files, receive'
rm -f "$room"*
start one /dev/null media $here --signal "$room" --play $vectors/vp8.ivf --timeout 3
one=$pid
until_true test -e "$room"
start two /dev/null media $here --signal "$room" --play $vectors/vp8.ivf --timeout 3
ended $pid 1 'two that play, two'
ended $one 1 'two that play, one'
said one 'does not take it'

run 0 media --help
for option in --receive --play --loop --echo --duration --start-bitrate --rtp-pcap --signal; do
	grep -q -- "^  $option" "$out" || fail "media --help does not name $option"
done
wrong media
wrong media --play
wrong media --loop --receive "$to"
wrong media --echo --play $vectors/vp8.ivf
wrong media --receive "$to" $vectors/vp8.ivf
wrong media --receive
wrong media --receive "$to" --duration 0
wrong media --receive "$to" --duration x
wrong media --receive "$to" --start-bitrate 29999
wrong media --receive "$to" --start-bitrate 100000001
wrong media --nonsense
f=$vectors/vp8.ivf
wrong media --play $f $f $f $f $f $f $f $f $f $f $f $f $f $f $f $f $f
