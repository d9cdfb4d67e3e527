#!/bin/sh
# Does `sluice forward` answer by HTTP as its manual says: rooms that are free, taken and empty, codecs that are sent and others,
# tokens, and nothing beside WHIP and WHEP? And does `sluice serve` have the same rooms, and a page for each?
. "$(dirname "$0")/script.sh"

sluice=$OUT/sluice
[ -x "$sluice" ] || skip "$sluice is not built"
command -v curl >/dev/null || skip 'curl is not installed'

pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$scratch"' EXIT

start() { # COMMAND option...
	: >"$scratch/said"
	"$sluice" "$@" --http 127.0.0.1:0 --bind 127.0.0.1 --verbose >"$scratch/said" 2>"$scratch/log" </dev/null &
	pid=$!
	for _ in $(seq 200); do
		grep -q '^udp' "$scratch/said" && break
		kill -0 "$pid" 2>/dev/null || { cat "$scratch/log"; fail "$* did not start"; }
		sleep 0.05
	done
	url=$(sed -n 's|^[a-z]* *\(http:.*\)/$|\1|p' "$scratch/said")
	[ -n "$url" ] || fail 'no address was printed'
}
stop() {
	kill -INT "$pid"
	code=0
	wait "$pid" || code=$?
	pid=
	[ "$code" = 130 ] || fail "exit code $code"
}
# get STATUS curl-arguments...: the body into $scratch/body, the head into $scratch/head
get() {
	status=$1
	shift
	code=$(curl -s -m 40 -o "$scratch/body" -D "$scratch/head" -w '%{http_code}' "$@") || true
	[ "$code" = "$status" ] || { cat "$scratch/head" "$scratch/body" "$scratch/log"; fail "curl $*: $code, expected $status"; }
}
says() {
	grep -q "$1" "$scratch/body" || { cat "$scratch/body"; fail "the body does not say: $1"; }
}
says_not() {
	! grep -q "$1" "$scratch/body" || { cat "$scratch/body"; fail "the body says: $1"; }
}
has_header() {
	grep -qi "^$1" "$scratch/head" || { cat "$scratch/head"; fail "no header: $1"; }
}
location() {
	tr -d '\r' <"$scratch/head" | sed -n 's/^Location: *//p'
}

# offer DIRECTION CODEC...: audio and video with these codecs of video, into $scratch/offer
offer() {
	direction=$1
	shift
	{
		printf 'v=0\r\no=- 5228595038118931041 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n'
		printf 'a=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\na=setup:actpass\r\n'
		printf 'a=fingerprint:sha-256 DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02\r\n'
		printf 'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=%s\r\na=rtcp-mux\r\n' "$direction"
		printf 'a=rtpmap:111 opus/48000/2\r\n'
		printf 'm=video 9 UDP/TLS/RTP/SAVPF'
		type=96
		for codec; do
			printf ' %d' "$type"
			type=$((type + 1))
		done
		printf '\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=%s\r\na=rtcp-mux\r\n' "$direction"
		type=96
		for codec; do
			printf 'a=rtpmap:%d %s/90000\r\na=rtcp-fb:%d nack pli\r\n' "$type" "$codec" "$type"
			type=$((type + 1))
		done
	} >"$scratch/offer"
}
post() { # STATUS URL
	get "$1" -H 'Content-Type: application/sdp' --data-binary "@$scratch/offer" "$2"
}

# ---- rooms ----

start forward
offer recvonly VP8
post 409 "$url/whep/stage"
has_header 'Retry-After: '
says 'nobody publishes'

offer sendonly VP8 VP9
post 201 "$url/whip/stage"
has_header 'Location: /whip/stage/[0-9a-f]*'
says '^a=recvonly'
says_not '^a=sendonly\|^a=sendrecv'
publisher=$url$(location)
post 409 "$url/whip/stage"
has_header 'Retry-After: '
says 'publishes in this room already'
post 201 "$url/whip/other"

# Only what is sent, in a direction that makes sense.
offer recvonly VP9 VP8
post 201 "$url/whep/stage"
says '^a=sendonly'
says 'VP8/90000'
says_not 'VP9/90000'
watcher=$url$(location)
offer recvonly AV1
post 422 "$url/whep/stage"
says 'VP8 is sent in this room'
offer sendonly VP8
post 422 "$url/whep/stage"
offer recvonly VP8
post 422 "$url/whip/third"
post 409 "$url/whep/third"
for _ in $(seq 400); do
	grep -q 'room stage: .*, 1 watching' "$scratch/log" && break
	sleep 0.05
done
grep -q 'room stage: .*, 1 watching' "$scratch/log" || { cat "$scratch/log"; fail 'the log has no line about the room'; }

get 200 -X DELETE "$watcher"
get 404 -X DELETE "$watcher"
get 200 -X DELETE "$publisher"
post 409 "$url/whep/stage"
offer sendonly VP8
post 201 "$url/whip/stage"

# ---- nothing else ----

post 404 "$url/connect"
get 404 "$url/"
get 404 "$url/watch/stage"
get 404 -X PUT -d x "$url/room/stage/offer"
get 422 -H 'Content-Type: application/sdp' --data-binary @fuzz/corpus/sdp/chromium-156-offer.sdp "$url/whip/data"
stop

# ---- a token ----

start forward --token s3cret --max-watchers 1
post 401 "$url/whip/stage"
has_header 'WWW-Authenticate: Bearer'
get 201 -H 'Content-Type: application/sdp' -H 'Authorization: Bearer s3cret' --data-binary "@$scratch/offer" "$url/whip/stage"
stop

# ---- the page's server has the same rooms ----

start serve
offer sendonly VP8
post 201 "$url/whip/stage"
offer recvonly VP8
post 201 "$url/whep/stage"
get 200 "$url/watch/stage"
has_header 'Content-Type: text/html'
has_header 'Content-Security-Policy: .*media-src blob:'
says 'watch.js'
get 404 "$url/watch/"
get 404 "$url/watch/a%20b"
# Every script and style that a page names is there, and so is what they import.
for page in / /watch/stage; do
	get 200 "$url$page"
	for name in $(sed -n 's/.*\(src\|href\)="\(\/[a-z_.]*\)".*/\2/p' "$scratch/body"); do
		get 200 "$url$name"
		for other in $(sed -n 's/^import .* from "\.\(\/[a-z_.]*\)";/\1/p' "$scratch/body"); do
			get 200 "$url$other"
		done
	done
done
# By the page's own way, which has no rooms, audio and video are not taken: beside data they are rejected, and alone the offer is.
post 422 "$url/connect"
says '/whip/ROOM'
cp fuzz/corpus/sdp/chromium-156-audio-video-data-offer.sdp "$scratch/offer"
post 201 "$url/connect"
says '^m=audio 0 '
says '^m=video 0 '
says '^m=application [1-9]'
stop
