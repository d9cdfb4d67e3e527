#!/bin/sh
# Does `sluice serve` speak WHIP and WHEP with a client that it does not know (curl), as RFC 9725 has it: offers, candidates,
# restarts, ends, other origins, tokens? Does it outlive clients that are slow or leave in the middle? And does our own client
# connect by it, and by a server of WHEP that offers itself?
. "$(dirname "$0")/script.sh"

sluice=$OUT/sluice
[ -x "$sluice" ] || skip "$sluice is not built"
command -v curl >/dev/null || skip 'curl is not installed'

pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$scratch"' EXIT

start() {
	: >"$scratch/said"
	"$sluice" serve --http 127.0.0.1:0 "$@" >"$scratch/said" 2>"$scratch/log" </dev/null &
	pid=$!
	for _ in $(seq 200); do
		grep -q '^udp' "$scratch/said" && break
		kill -0 "$pid" 2>/dev/null || { cat "$scratch/log"; fail "serve $* did not start"; }
		sleep 0.05
	done
	url=$(sed -n 's|^page *\(.*\)/$|\1|p' "$scratch/said")
	[ -n "$url" ] || fail 'no address was printed'
}
stop() {
	kill "$pid"
	wait "$pid" || true
	pid=
}
# get STATUS curl-arguments...: the body into $scratch/body, the head into $scratch/head
get() {
	status=$1
	shift
	code=$(curl -s -m 40 -o "$scratch/body" -D "$scratch/head" -w '%{http_code}' "$@") || true
	[ "$code" = "$status" ] || { cat "$scratch/head" "$scratch/body"; fail "curl $*: $code, expected $status"; }
}
says() {
	grep -q "$1" "$scratch/body" || { cat "$scratch/body"; fail "the body does not say: $1"; }
}
has_header() {
	grep -qi "^$1" "$scratch/head" || { cat "$scratch/head"; fail "no header: $1"; }
}
has_no_header() {
	! grep -qi "^$1" "$scratch/head" || { cat "$scratch/head"; fail "there is a header: $1"; }
}
header_value() {
	tr -d '\r' <"$scratch/head" | sed -n "s/^$1: *//p"
}

offer=fuzz/corpus/sdp/chromium-156-offer.sdp
sdp='Content-Type: application/sdp'
frag='Content-Type: application/trickle-ice-sdpfrag'
post() { # STATUS URL curl-arguments...
	status=$1
	to=$2
	shift 2
	get "$status" -H "$sdp" --data-binary "@$offer" "$@" "$to"
}
patch() { # STATUS URL FRAGMENT curl-arguments...
	status=$1
	to=$2
	printf "$3" >"$scratch/frag"
	shift 3
	get "$status" -X PATCH -H "$frag" --data-binary "@$scratch/frag" "$@" "$to"
}

# ---- the life of a session ----

start --max-peers 3
post 201 "$url/whip/studio"
has_header 'Content-Type: application/sdp'
has_header 'Location: /whip/studio/[0-9a-f]*'
has_header 'ETag: "'
has_header 'Accept-Patch: application/trickle-ice-sdpfrag'
says '^a=candidate:.* 127.0.0.1 .* typ host'
says '^a=end-of-candidates'
session=$url$(header_value Location)
tag=$(header_value ETag)
ufrag=$(sed -n 's/^a=ice-ufrag://p' "$scratch/body")
own=$(sed -n 's/\r//; s/^a=ice-ufrag://p' "$offer" | head -n 1)
pwd=$(sed -n 's/\r//; s/^a=ice-pwd://p' "$offer" | head -n 1)

one="m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"
patch 204 "$session" "a=ice-ufrag:$own\r\na=ice-pwd:$pwd\r\n${one}a=end-of-candidates\r\n" -H "If-Match: $tag"
has_no_header ETag
patch 428 "$session" "$one"
patch 412 "$session" "$one" -H 'If-Match: "other"'
patch 400 "$session" "${one}a=candidate:nonsense\r\n" -H "If-Match: $tag"
says '^line 4: '
patch 400 "$session" 'a=ice-ufrag:abcd\r\n' -H "If-Match: $tag"
get 415 -X PATCH -H "If-Match: $tag" -d x "$session"
patch 200 "$session" 'a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n' -H 'If-Match: *'
has_header 'Content-Type: application/trickle-ice-sdpfrag'
says '^a=ice-pwd:'
says '^a=candidate:'
[ "$(sed -n 's/^a=ice-ufrag://p' "$scratch/body")" != "$ufrag" ] || fail 'the restart kept our credentials'
[ "$(header_value ETag)" != "$tag" ] || fail 'the restart kept the entity-tag'
patch 412 "$session" "$one" -H "If-Match: $tag"

get 204 "$session"
get 204 "$url/whip/studio"
get 405 -X PUT -d x "$session"
has_header 'Allow: PATCH, DELETE'
get 405 -X DELETE "$url/whip/studio"
has_header 'Allow: POST'
get 200 -X OPTIONS "$url/whip/studio"
has_header 'Accept-Post: application/sdp'
get 200 -X DELETE -H 'If-Match: "old"' "$session"
get 404 -X DELETE "$session"
patch 404 "$session" "$one" -H 'If-Match: *'

# ---- who watches, and what is refused ----

post 409 "$url/whep/studio"
has_header 'Retry-After: [1-9]'
post 201 "$url/whip/studio"
publisher=$url$(header_value Location)
post 201 "$url/whep/studio"
has_header 'Location: /whep/studio/'
get 404 -X DELETE "$url/whip${publisher##*/whip}x"
get 415 -d x "$url/whip/studio"
get 400 -H "$sdp" -d 'nonsense' "$url/whip/studio"
get 400 -H "$sdp" -d '' "$url/whip/studio"
get 404 -H "$sdp" -d x "$url/whip/"
get 404 -H "$sdp" -d x "$url/whip/a%20b"
# A codec that nobody has. Not a section may be dropped without a word.
cat >"$scratch/media" <<'END'
v=0
o=- 5228595038118931041 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=fingerprint:sha-256 DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02
a=setup:actpass
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:111 speex/16000
END
get 422 -H "$sdp" --data-binary "@$scratch/media" "$url/whip/studio"
head -c 262145 /dev/zero >"$scratch/big"
get 413 -H "$sdp" --data-binary "@$scratch/big" "$url/whip/studio"
get 413 -H "$sdp" -H 'Transfer-Encoding: chunked' --data-binary "@$scratch/big" "$url/whip/studio"
head -c 100000 /dev/zero | tr '\0' '\n' | cat "$offer" - >"$scratch/long"
get 200 -X DELETE "$publisher"
get 201 -H "$sdp" --data-binary "@$scratch/long" "$url/whip/long"
# No other origin is welcome.
get 403 -H 'Origin: https://example.org' -H "$sdp" --data-binary "@$offer" "$url/whip/studio"
get 403 -X OPTIONS -H 'Origin: https://example.org' "$url/whip/studio"
stop

# ---- a token, and pages of another origin ----

for wrong in '' 'a b' '=' 'a=b'; do
	code=0
	"$sluice" serve --token "$wrong" 2>"$scratch/log" || code=$?
	[ "$code" = 2 ] || fail "--token '$wrong': exit code $code"
done
for wrong in '--stun turn:a.test' '--turn turn:a.test' '--username x'; do
	code=0
	"$sluice" serve $wrong 2>"$scratch/log" || code=$?
	[ "$code" = 2 ] || fail "serve $wrong: exit code $code"
done
start --token s3cret --cors https://example.org --stun stun:stun.example.org --turn turn:turn.example.org --username u \
	--credential c
post 401 "$url/whip/studio"
has_no_header Link
has_header 'WWW-Authenticate: Bearer'
post 401 "$url/whip/studio" -H 'Authorization: Bearer other'
post 201 "$url/whip/studio" -H 'Authorization: Bearer s3cret' -H 'Origin: https://example.org'
has_header 'Access-Control-Expose-Headers: .*Location.*ETag'
has_header 'Link: <stun:stun.example.org>; rel="ice-server"'
has_header 'Link: <turn:turn.example.org>; rel="ice-server"; username="u"; credential="c"'
session=$url$(header_value Location)
get 200 -X OPTIONS -H 'Origin: https://example.org' -H 'Access-Control-Request-Method: PATCH' "$session"
has_header 'Access-Control-Allow-Methods: .*PATCH'
has_header 'Access-Control-Allow-Headers: .*If-Match.*Authorization'
has_header 'Accept-Post: application/sdp'
get 401 -X DELETE "$session"
get 200 -X DELETE -H 'Authorization: Bearer s3cret' "$session"
stop

# ---- our own client: what it says comes back from the echo ----

start --verbose --token s3cret
at=$url/whip/studio
cat_by() { # EXIT-CODE SIGNAL option...: stdin is the message, the rest is in $scratch/came and $scratch/err
	status=$1
	signal=$2
	shift 2
	code=0
	timeout -k 2 60 "$sluice" cat --loopback --signal "$signal" "$@" >"$scratch/came" 2>"$scratch/err" || code=$?
	[ "$code" = "$status" ] || { cat "$scratch/err" "$scratch/log"; fail "cat --signal $signal: exit code $code, expected $status"; }
}
complains() {
	grep -q "$1" "$scratch/err" || { cat "$scratch/err"; fail "it does not say: $1"; }
}
mkfifo "$scratch/pipe"
{
	echo hello
	for _ in $(seq 400); do
		grep -q hello "$scratch/came" 2>/dev/null && break
		sleep 0.05
	done
} >"$scratch/pipe" &
cat_by 0 "whip:$at#s3cret" <"$scratch/pipe"
[ "$(cat "$scratch/came")" = hello ] || { cat "$scratch/err"; fail 'the echo by WHIP'; }
grep -q 'peer 1: connected' "$scratch/log" || { cat "$scratch/log"; fail 'the server saw no connection'; }
cat_by 1 "whip:$at" </dev/null
complains 'asks for a token'
cat_by 1 "whip:$at#other" </dev/null
complains 'does not take this token'
cat_by 1 "whip:$url/whip/a%20b#s3cret" </dev/null
complains "answers 404: a room's name"
cat_by 1 "whip:$at#s3cret" --answer </dev/null
complains 'this end offers'
cat_by 1 "whep:$url/whep/studio#s3cret" --timeout 4 </dev/null
complains "still waiting for somebody who publishes at $url/whep/studio"
! grep -q s3cret "$scratch/err" || fail 'the token is in a message'
cat_by 2 whip:nonsense </dev/null
stop

# ---- a server of WHEP that makes the offer itself: `sluice echo` behind a few lines of HTTP ----

command -v python3 >/dev/null || exit 0
cat >"$scratch/offers.py" <<'END'
import http.server, json, subprocess, sys
class Whep(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def body(self): return self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
    def reply(self, status, body='', **headers):
        print(self.command, self.path, status, file=sys.stderr, flush=True)
        self.send_response(status)
        for name, value in headers.items(): self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(body.encode())
    def do_POST(self):
        global echo
        assert 'm=application' in self.body()
        echo = subprocess.Popen([sys.argv[1], 'echo', '--stdio', '--offer', '--loopback'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        offer = json.loads(echo.stdout.readline())['sdp']
        self.reply(406, offer, Content_Type='application/sdp', Location='/session')
    def do_PATCH(self):
        assert self.headers['Content-Type'] == 'application/sdp'
        echo.stdin.write(json.dumps({'type': 'answer', 'sdp': self.body()}).encode() + b'\n')
        echo.stdin.flush()
        self.reply(204)
    def do_DELETE(self):
        echo.stdin.close()
        self.reply(200)
        echo.wait()
server = http.server.HTTPServer(('127.0.0.1', 0), Whep)
print(server.server_port, flush=True)
server.serve_forever()
END
python3 "$scratch/offers.py" "$sluice" >"$scratch/said" 2>"$scratch/log" </dev/null &
pid=$!
for _ in $(seq 200); do
	[ -s "$scratch/said" ] && break
	sleep 0.05
done
at=http://127.0.0.1:$(cat "$scratch/said")/stream
: >"$scratch/came"
{
	echo 'hello again'
	for _ in $(seq 400); do
		grep -q hello "$scratch/came" 2>/dev/null && break
		sleep 0.05
	done
} >"$scratch/pipe" &
cat_by 0 "whep:$at" <"$scratch/pipe"
[ "$(cat "$scratch/came")" = 'hello again' ] || { cat "$scratch/err"; fail 'the echo by WHEP with an offer of the server'; }
grep -q 'PATCH /session 204' "$scratch/log" || fail 'the answer did not go to the session'
grep -q 'DELETE /session 200' "$scratch/log" || fail 'the session was not ended'
cat_by 1 "whep:$at" --offer </dev/null
complains 'the server makes an offer of its own'
cat_by 1 "whip:$at" </dev/null
complains 'an offer of its own, and this end can only offer'
kill "$pid"
wait "$pid" || true
pid=

# ---- many, slow ones, and those who leave ----

start --per-address 400 --max-peers 100
cat >"$scratch/crowd.py" <<'END'
import socket, sys
port, offer = int(sys.argv[1]), open(sys.argv[2], 'rb').read()
def begin(path, body, length=None, method='POST'):
    s = socket.create_connection(('127.0.0.1', port))
    s.settimeout(30)
    s.sendall(f'{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/sdp\r\n'
              f'Content-Length: {len(body) if length is None else length}\r\n\r\n'.encode() + body)
    return s
def finish(s):
    answer = b''
    while piece := s.recv(65536):
        answer += piece
    s.close()
    head = answer.split(b'\r\n\r\n')[0].decode()
    where = [l[10:] for l in head.split('\r\n') if l.startswith('Location: ')]
    return int(head.split()[1]), where[0] if where else None
def ask(path, body=b'', method='POST'):
    return finish(begin(path, body, method=method))

# Forty at once: all have begun before the first one is answered.
open_ones = [begin(f'/whip/r{i % 5}', offer[:1], len(offer)) for i in range(40)]
for s in open_ones: s.sendall(offer[1:])
made = [finish(s) for s in open_ones]
assert all(status == 201 for status, _ in made), made
assert len({where for _, where in made}) == 40

# Slow bodies hold nobody up, and count as nothing until they are whole.
slow = [begin('/whip/slow', offer[:len(offer) // 2], len(offer)) for _ in range(10)]
assert ask('/whep/slow', offer)[0] == 409
for _ in range(3):
    assert ask('/whep/r1', offer)[0] == 201
for s in slow[:5]: s.close()
for s in slow[5:]:
    s.sendall(offer[len(offer) // 2:])
    assert finish(s)[0] == 201
assert ask('/whep/slow', offer)[0] == 201

# In pieces of one byte, chunked.
s = socket.create_connection(('127.0.0.1', port))
s.settimeout(30)
s.sendall(b'POST /whip/bytes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/sdp\r\n'
          b'Transfer-Encoding: chunked\r\n\r\n' + b''.join(b'1\r\n%c\r\n' % b for b in offer) + b'0\r\n\r\n')
assert finish(s)[0] == 201

# Those who do not wait for their answer.
for _ in range(20): begin('/whip/gone', offer).close()
for _, where in made:
    assert ask(where, method='DELETE')[0] == 200
    assert ask(where, method='DELETE')[0] == 404
END
python3 "$scratch/crowd.py" "${url##*:}" "$offer" || { cat "$scratch/log"; fail 'a crowd'; }
stop
