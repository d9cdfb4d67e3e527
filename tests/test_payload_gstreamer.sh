#!/bin/sh
# Do GStreamer's payloaders and depayloaders understand our payload formats, and we theirs? Real encoders make the units. Packets
# go through files, so nothing is lost and nothing waits. Each unit comes out as it went in, byte for byte.
. "$(dirname "$0")/script.sh"

command -v gst-launch-1.0 >/dev/null || skip 'GStreamer is not installed (scripts/deps --interop installs it)'

ours=$scratch/payload_files
$CC -std=gnu11 -Wall -Wextra -Werror $SAN_FLAGS -Iinclude -Isrc -Itests -I. tests/programs/payload_files.c "$OUT/libinternal.a" $LIBS -o "$ours"

gst() {
	timeout 60 gst-launch-1.0 -q "$@" >"$scratch/said" 2>&1 || fail "gst-launch-1.0 $*: $(cat "$scratch/said")"
}
has() {
	for part; do
		gst-inspect-1.0 --exists "$part" || return 1
	done
}

video='videotestsrc num-buffers=30 pattern=snow ! video/x-raw,format=I420,width=320,height=240,framerate=30/1'
audio='audiotestsrc num-buffers=50'
ran=0

# $1 what it is, $2 our name, $3 mode, $4 our room, $5 the source's pipeline, $6 payloader, $7 depayloader, $8 the caps of units,
# $9 the media of the packets' caps
both_ways() {
	dir=$scratch/$ran
	mkdir "$dir" "$dir/units" "$dir/joined" "$dir/theirs"
	# shellcheck disable=SC2086
	gst $5 ! "$8" ! tee name=t ! queue ! $6 ! rtpstreampay ! filesink location="$dir/packets" \
		t. ! queue ! multifilesink location="$dir/units/%05d"
	units=$("$ours" join "$2" "$dir/packets" "$dir/joined") || fail "$1: their packets"
	[ "$("$ours" same "$2" "$dir/units" "$dir/joined")" = "$units" ] || fail "$1: their packets make other units"
	[ "$("$ours" split "$2" "$3" "$4" "$dir/units" "$dir/ours")" = "$units" ] || fail "$1: our packets"
	# shellcheck disable=SC2086
	gst filesrc location="$dir/ours" ! "application/x-rtp-stream,payload=(int)96,media=$9" ! rtpstreamdepay ! $7 ! "$8" ! \
		multifilesink location="$dir/theirs/%05d"
	[ "$("$ours" same "$2" "$dir/units" "$dir/theirs")" = "$units" ] || fail "$1: our packets make other units"
	echo "$1: $units units in both directions"
	ran=$((ran + 1))
}

rtp='video,clock-rate=(int)90000,encoding-name=(string)'
if has vp8enc rtpvp8pay rtpvp8depay; then
	both_ways 'VP8' VP8 0 1188 "$video ! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=10 target-bitrate=2000000" \
		'rtpvp8pay mtu=1200 picture-id-mode=15-bit' rtpvp8depay video/x-vp8 "${rtp}VP8"
fi
if has vp9enc rtpvp9pay rtpvp9depay; then
	both_ways 'VP9' VP9 0 1188 "$video ! vp9enc deadline=1 cpu-used=8 keyframe-max-dist=10 target-bitrate=2000000" \
		'rtpvp9pay mtu=1200 picture-id-mode=15-bit' rtpvp9depay video/x-vp9 "${rtp}VP9"
fi
if has x264enc rtph264pay rtph264depay; then
	x264="$video ! x264enc tune=zerolatency key-int-max=10 bitrate=2000 aud=true"
	h264='video/x-h264,stream-format=byte-stream,alignment=au'
	both_ways 'H.264, mode 1' H264 1 1188 "$x264" 'rtph264pay mtu=1200 aggregate-mode=zero-latency' rtph264depay "$h264" "${rtp}H264"
	# Of 256 packets that one NAL unit is cut into, its rtpstreampay drops one. So theirs are a little larger.
	both_ways 'H.264, mode 1, small packets' H264 1 60 "$x264" 'rtph264pay mtu=300' rtph264depay "$h264" "${rtp}H264"
	both_ways 'H.264, mode 0' H264 0 9000 "$x264 sliced-threads=true threads=4 option-string=slice-max-size=8000" \
		'rtph264pay mtu=60000 aggregate-mode=none' rtph264depay "$h264" "${rtp}H264"
fi
if has opusenc rtpopuspay rtpopusdepay; then
	both_ways 'Opus' opus 0 1188 "$audio samplesperbuffer=960 ! audio/x-raw,rate=48000 ! opusenc" rtpopuspay rtpopusdepay \
		audio/x-opus 'audio,clock-rate=(int)48000,encoding-name=(string)OPUS'
fi
for law in mulaw:pcmu:PCMU alaw:pcma:PCMA; do
	codec=${law%%:*} name=${law##*:}
	element=${law#*:}
	element=rtp${element%:*}
	if has "${codec}enc" "${element}pay" "${element}depay"; then
		both_ways "$name" "$name" 0 1188 "$audio samplesperbuffer=160 ! audio/x-raw,rate=8000,channels=1 ! ${codec}enc" \
			"${element}pay min-ptime=20000000 max-ptime=20000000" "${element}depay" "audio/x-$codec" \
			"audio,clock-rate=(int)8000,encoding-name=(string)$name"
	fi
done
[ "$ran" -gt 0 ] || skip 'GStreamer has none of the elements (scripts/deps --interop installs them)'
