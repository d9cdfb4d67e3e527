#!/bin/sh
# Does `sluice serve` serve its page and nothing else, refuse what is wrong with a reason, carry rooms, and end when it is
# told to? (What runs over its channels: test_tool_serve_peer.c.)
. "$(dirname "$0")/script.sh"

sluice=$OUT/sluice
[ -x "$sluice" ] || skip "$sluice is not built"
command -v curl >/dev/null || skip 'curl is not installed'

out=$scratch/out
err=$scratch/err
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$scratch"' EXIT

# ---- the command line ----

run() { # $1: the exit code expected
	expected=$1
	shift
	code=0
	timeout -k 2 20 "$sluice" serve "$@" >"$out" 2>"$err" </dev/null || code=$?
	[ "$code" = "$expected" ] || { cat "$out" "$err"; fail "sluice serve $*: exit code $code, expected $expected"; }
}
wrong() {
	run 2 "$@"
	[ -s "$err" ] || fail "sluice serve $*: no word about what is wrong"
	[ ! -s "$out" ] || fail "sluice serve $*: wrote to stdout"
}
run 0 --help
grep -q -- '--max-peers' "$out" || fail '--help'
wrong --nonsense
wrong stray
wrong --port
wrong --port 65536
wrong --port x
wrong --http 127.0.0.1
wrong --http :80
wrong --http 127.0.0.1:65536
wrong --bind nowhere
wrong --max-peers 0
wrong --max-file 0
wrong --quota -1
wrong --idle 0
wrong --cors ''
wrong --cors 'https://a b'
wrong --host ''
wrong --host 'example.org:80'
wrong --per-address 0
wrong --lite=yes
run 1 --files "$scratch/none"
grep -q "$scratch/none: No such file" "$err" || { cat "$err"; fail 'a folder that is not there'; }
: >"$scratch/plain"
run 1 --web "$scratch/plain"
grep -q 'Not a directory' "$err" || { cat "$err"; fail 'a file for a folder'; }

# ---- a server ----

start() {
	: >"$scratch/said" # what an earlier one said must not be taken for this one's
	"$sluice" serve --http 127.0.0.1:0 "$@" >"$scratch/said" 2>"$scratch/log" </dev/null &
	pid=$!
	for _ in $(seq 100); do
		grep -q '^udp' "$scratch/said" && break
		kill -0 "$pid" 2>/dev/null || { cat "$scratch/log"; fail "serve $* did not start"; }
		sleep 0.1
	done
	url=$(sed -n 's|^page *\(.*\)/$|\1|p' "$scratch/said")
	udp=$(sed -n 's|^udp.*:||p' "$scratch/said")
	[ -n "$url" ] && [ -n "$udp" ] || { cat "$scratch/said"; fail 'no address was printed'; }
}
stop() { # $1: signal
	kill "-$1" "$pid"
	code=0
	wait "$pid" || code=$?
	pid=
	[ "$code" = 130 ] || { cat "$scratch/log"; fail "ended by $1: exit code $code, expected 130"; }
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

mkdir "$scratch/files"
start --files "$scratch/files" --max-peers 2

# ---- pages ----

get 200 "$url/"
cmp -s "$scratch/body" src/tools/web/index.html || fail 'the page differs from its file'
has_header 'Content-Type: text/html'
has_header "Content-Security-Policy: default-src 'none'"
has_header 'X-Content-Type-Options: nosniff'
for file in src/tools/web/*; do
	get 200 "$url/${file##*/}"
	cmp -s "$scratch/body" "$file" || fail "$file differs"
done
get 200 -I "$url/"
get 405 -X POST -d x "$url/index.html"
get 404 "$url/favicon.ico"
for path in /../../../etc/passwd /%2e%2e/%2e%2e/etc/passwd //etc/passwd /web/index.html /index.html/ /..; do
	get 404 --path-as-is "$url$path"
done

# ---- offers that are wrong ----

sdp='Content-Type: application/sdp'
json='Content-Type: application/json'
get 415 -d 'v=0' "$url/connect"
get 405 "$url/connect"
has_header 'Allow: POST'
get 400 -H "$sdp" --data-binary 'nonsense' "$url/connect"
says '^line 1: '
printf 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nx\r\n' >"$scratch/offer"
get 400 -H "$sdp" --data-binary "@$scratch/offer" "$url/connect"
says '^line 5: '
get 400 -H "$json" -d '{"type":"offer","sdp":"nonsense"}' "$url/connect"
says '"line":1'
get 400 -H "$json" -d '{"type":"offer"' "$url/connect"
get 400 -H "$json" -d '{"type":"answer","sdp":"v=0"}' "$url/connect"
get 400 -H "$json" -d '[]' "$url/connect"
head -c 65537 /dev/zero >"$scratch/big"
get 413 -H "$sdp" --data-binary "@$scratch/big" "$url/connect"
get 413 -H "$sdp" -H 'Transfer-Encoding: chunked' --data-binary "@$scratch/big" "$url/connect"
get 404 -X DELETE "$url/connect/00000000000000000000000000000000"

# ---- offers that are right, until there are enough ----

offer=fuzz/corpus/sdp/chromium-156-offer.sdp
get 201 -H "$sdp" --data-binary "@$offer" "$url/connect"
has_header 'Content-Type: application/sdp'
says '^a=candidate:.* 127.0.0.1 '"$udp"' typ host'
says '^a=fingerprint:sha-256 '
first=$url$(sed -n 's/^Location: *\([^\r]*\).*/\1/p' "$scratch/head" | tr -d '\r')
get 201 -H "$json" -d "{\"type\":\"offer\",\"sdp\":\"$(sed 's/\r$//; s/$/\\r\\n/' "$offer" | tr -d '\n')\"}" "$url/connect"
has_header 'Content-Type: application/json'
says '"type":"answer"'
get 503 -H "$sdp" --data-binary "@$offer" "$url/connect"
says 'as many peers'
frag='Content-Type: application/trickle-ice-sdpfrag'
printf 'a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n' >"$scratch/frag"
get 204 -X PATCH -H "$frag" --data-binary "@$scratch/frag" "$first"
get 400 -X PATCH -H "$frag" --data-binary 'a=candidate:nonsense' "$first"
says '^line 1: '
get 415 -X PATCH -d x "$first"
get 405 "$first"
get 204 -X DELETE "$first"
get 404 -X DELETE "$first"

# ---- rooms ----

room=$url/room/r-1
get 204 "$room/offer?wait=0.1"
get 404 "$room/answer"
get 404 -X PUT -d x "$room/answer"
curl -s -m 20 "$room/offer" >"$scratch/taken" &
reader=$!
sleep 0.3
get 201 -X PUT -H 'If-None-Match: *' -d 'the offer' "$room/offer"
wait "$reader" || fail 'the reader that waited'
[ "$(cat "$scratch/taken")" = 'the offer' ] || fail 'the offer did not reach the one who waited'
get 412 -X PUT -H 'If-None-Match: *' -d 'another' "$room/offer"
get 201 -X POST -d 'the answer' "$room/answer"
get 409 -X PUT -d 'again' "$room/answer"
get 200 "$room/answer"
has_header 'Content-Type: application/octet-stream'
says '^the answer$'
# Who waits is told at once, also when no other connection of HTTP has anything to do afterwards.
get 201 -X PUT -d 'offer' "$room/offer"
get 200 "$room/offer"
curl -s --http1.0 -m 5 "$room/answer" >"$scratch/taken" &
reader=$!
sleep 0.3
get 201 --http1.0 -X PUT -d 'answer' "$room/answer"
wait "$reader" || fail 'the reader that waited for the answer was not woken'
[ "$(cat "$scratch/taken")" = answer ] || fail 'the answer did not reach the one who waited'
get 404 "$room/answer"
get 201 -X PUT -d '' "$room/offer"
get 204 -X DELETE "$room"
get 413 -X PUT --data-binary "@$scratch/big" "$room/offer"
get 405 -X PATCH -d x "$room/offer"
get 404 "$url/room/a%20b/offer"
get 404 "$url/room//offer"
get 404 "$url/room/a/other"
get 405 "$url/room/a"

# No other origin is welcome, and no other name is ours.
foreign='Origin: https://example.org'
get 403 -X OPTIONS -H "$foreign" "$url/connect"
! grep -qi '^Access-Control-Allow-Origin' "$scratch/head" || fail 'another origin is let in without --cors'
get 403 -H "$foreign" -H "$sdp" --data-binary "@$offer" "$url/connect"
get 403 -H "$foreign" -X POST -d x "$room/offer"
get 403 -H 'Origin: null' -X POST -d x "$room/offer"
get 403 -H 'Sec-Fetch-Site: cross-site' "$room/offer?wait=0"
get 200 -H 'Sec-Fetch-Site: cross-site' "$url/"
get 204 -H "Origin: $url" "$room/offer?wait=0"
get 421 -H 'Host: evil.example' "$url/"
get 421 -H 'Host: evil.example' -H 'Origin: http://evil.example' -H "$sdp" --data-binary "@$offer" "$url/connect"
get 200 -H 'Host: localhost' "$url/"
get 200 -H "Host: $(uname -n):80" "$url/"

# ---- in use ----

run 1 --http "${url#http://}"
grep -q 'Address already in use' "$err" || { cat "$err"; fail 'the HTTP port in use'; }
run 1 --http 127.0.0.1:0 --port "$udp"
grep -q 'Address already in use' "$err" || { cat "$err"; fail 'the UDP port in use'; }

# One waits for a letter, a peer is under way: Ctrl-C ends all of it.
curl -s -m 20 "$room/offer" >/dev/null &
reader=$!
sleep 0.2
stop INT
wait "$reader" || true
grep -q '^sluice: serve: 127.0.0.1:[0-9]*: 503, as many peers' "$scratch/log" ||
	{ cat "$scratch/log"; fail 'no line about a limit'; }
! grep -qv '^sluice: serve: 127.0.0.1:[0-9]*: [0-9]*, ' "$scratch/log" || { cat "$scratch/log"; fail 'it complained'; }
[ "$(wc -l <"$scratch/log")" -le 6 ] || { cat "$scratch/log"; fail 'too many lines about limits'; }

# ---- for other origins, from a folder ----

mkdir "$scratch/web"
echo changed >"$scratch/web/index.html"
echo secret >"$scratch/secret"
echo secret >"$scratch/web/other.html"
ln -s "$scratch/secret" "$scratch/web/app.js"
start --cors https://example.org --host files.example --web "$scratch/web" --verbose
get 200 -H 'Host: files.example:80' "$url/"
get 403 -H 'Origin: https://other.example' "$url/room/a/offer?wait=0"
get 204 -H 'Origin: https://example.org' "$url/room/a/offer?wait=0"
get 200 "$url/"
says '^changed$'
has_header 'Access-Control-Allow-Origin: https://example.org'
get 404 "$url/app.js"
get 404 "$url/other.html"
get 204 -X OPTIONS -H 'Origin: https://example.org' "$url/connect"
has_header 'Access-Control-Allow-Methods: .*POST'
stop TERM

# ---- what one address may have ----

command -v python3 >/dev/null || exit 0
start --per-address 8 --max-peers 100
: >"$scratch/frag"
cat >"$scratch/stranger.py" <<'END'
import socket, sys, time
port, offer = int(sys.argv[1]), open(sys.argv[2], 'rb').read()
def connect():
    s = socket.create_connection(('127.0.0.1', port))
    s.settimeout(20)
    return s
def ask(method, path, body=b'', kind='application/sdp', wait=True):
    s = connect()
    s.sendall(f'{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n'
              f'Content-Length: {len(body)}\r\n\r\n'.encode() + body)
    if not wait:
        return s
    answer = b''
    while piece := s.recv(65536):
        answer += piece
    s.close()
    return int(answer.split()[1]), answer
def alive(s):
    s.settimeout(0.5)
    try:
        return s.recv(1) != b''
    except TimeoutError:
        return True
    except ConnectionError:
        return False
def counts(codes):
    return {c: codes.count(c) for c in set(codes)}
def until(what, holds):
    limit = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < limit, what
        time.sleep(0.1)
def has_place():
    try:
        return ask('GET', '/')[0] == 200
    except (ConnectionError, IndexError):
        return False

# Connections: eight stay, the others are closed at once.
held = [connect() for _ in range(20)]
until('connections', lambda: sum(map(alive, held)) == 8)
for s in held: s.close()
until('closed connections hold their places', has_place)

# Readers that hung up take no place, and no letter.
readers = [ask('GET', '/room/r/answer' if i else '/room/r/offer', wait=False) for i in range(1)]
time.sleep(0.3)
for s in readers: s.close()
time.sleep(0.1)
assert ask('PUT', '/room/r/offer', b'letter')[0] == 201
status, answer = ask('GET', '/room/r/offer')
assert status == 200 and answer.endswith(b'letter'), (status, answer)
for turn in range(5):
    readers = [ask('GET', '/room/none/offer', wait=False) for _ in range(7)]
    for s in readers: s.close()
    until('those who hung up hold their places', has_place)

# Rooms: a quarter.
got = counts([ask('PUT', f'/room/x{i}/offer', b'x')[0] for i in range(9)])
assert got == {201: 1, 429: 8} or got == {201: 2, 429: 7}, got

# Offers: half at once, and a quarter that have not connected.
results = [ask('POST', '/connect', offer) for i in range(12)]
got = counts([r[0] for r in results])
assert got[201] == 2 and got[429] == 10, got
made = [a for c, a in results if c == 201]
path = next(l for l in made[0].decode().split('\r\n') if l.startswith('Location: '))[10:]

# Of one peer: 64 at once.
frag = b'a=candidate:1 1 udp 1 192.0.2.1 9 typ host ufrag zzzz\r\n'
got = counts([ask('PATCH', path, frag, 'application/trickle-ice-sdpfrag')[0] for i in range(120)])
assert got[204] >= 64 and got.get(429, 0) > 0, got
END
python3 "$scratch/stranger.py" "${url##*:}" "$offer" || { cat "$scratch/log"; fail 'limits of one address'; }
grep -q 'too many connections' "$scratch/log" || { cat "$scratch/log"; fail 'no line about connections'; }
stop TERM

# Peers that do not connect hold no place for long when others come.
start --max-peers 1
get 201 -H "$sdp" --data-binary "@$offer" "$url/connect"
get 503 -H "$sdp" --data-binary "@$offer" "$url/connect"
sleep 5.5
get 201 -H "$sdp" --data-binary "@$offer" "$url/connect"
stop TERM
