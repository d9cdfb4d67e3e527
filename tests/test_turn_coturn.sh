#!/bin/sh
# Do the TURN client, and peers on the driver, get along with coturn, over UDP, TCP and TLS, on the loopback interface alone?
. "$(dirname "$0")/script.sh"

command -v turnserver >/dev/null || skip 'coturn (turnserver) is not installed'

servers=
stop() {
	for pid in $servers; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$scratch"
}
trap stop EXIT

$CC -std=gnu11 -Wall -Wextra -Werror $SAN_FLAGS -Iinclude -Isrc tests/programs/turn_client.c "$OUT/libinternal.a" $LIBS -o "$scratch/turn_client"
$CC -std=gnu11 -Wall -Wextra -Werror $SAN_FLAGS -Iinclude tests/programs/turn_ends.c "$OUT/libsluice.a" $LIBS -o "$scratch/turn_ends"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=relay -addext subjectAltName=IP:127.0.0.1 \
	-keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=another -addext subjectAltName=IP:127.0.0.1 \
	-keyout "$scratch/key2.pem" -out "$scratch/another.pem" 2>/dev/null

# $1: its port; $2 and on: more options.
tls=--no-tls
serve() {
	port=$1
	shift
	turnserver -n -L 127.0.0.1 -p "$port" -E 127.0.0.1 $relay6 --lt-cred-mech -u alice:secret -r example.org --allow-loopback-peers \
		--no-cli $tls --no-dtls --stale-nonce=1 --db "$scratch/$port.db" --pidfile "$scratch/$port.pid" \
		--log-file "$scratch/$port.log" --simple-log "$@" >"$scratch/$port.out" 2>&1 &
	servers="$servers $!"
	tries=0
	until is_bound /proc/net/udp && is_bound /proc/net/tcp; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { cat "$scratch/$port.out"; fail "coturn did not come up on port $port"; }
		sleep 0.1
	done
}
is_bound() { # $1 udp or tcp: does somebody have the port there?
	grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$port") " "$1"
}
client() {
	timeout 60 "$scratch/turn_client" "$@" || { tail -n 20 "$scratch"/*.log; fail "turn_client $*"; }
}

# Relayed IPv6 addresses where the loopback interface has one.
relay6=
! grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null || relay6='-E ::1'

port=$("$scratch/turn_client" free-port)
serve "$port"
client udp "$port" alice secret
client tcp "$port" alice secret

other=$("$scratch/turn_client" free-port)
serve "$other" --alternate-server "127.0.0.1:$port"
client udp "$other" alice secret alternate
client tcp "$other" alice secret alternate

# The driver: UDP, TCP and TLS to a relay that is the only way.
ends() {
	timeout 60 "$scratch/turn_ends" "$@" || { status=$?; tail -n 20 "$scratch"/*.log; fail "turn_ends $* ($status)"; }
}
no_ends() {
	status=0
	timeout 60 "$scratch/turn_ends" "$@" 2>/dev/null || status=$?
	[ $status -eq 1 ] || fail "turn_ends $*: status $status where no path may come to be"
}
port=$("$scratch/turn_client" free-port)
secure=$("$scratch/turn_client" free-port)
tls=
serve "$port" --tls-listening-port "$secure" --cert "$scratch/cert.pem" --pkey "$scratch/key.pem"
ends "turn:127.0.0.1:$port?transport=udp" alice secret
ends "turn:127.0.0.1:$port?transport=tcp" alice secret
ends "turns:127.0.0.1:$secure?transport=tcp" alice secret "$scratch/cert.pem"
ends "turns:127.0.0.1:$secure?transport=tcp" alice secret any
SSL_CERT_FILE="$scratch/cert.pem" ends "turns:127.0.0.1:$secure?transport=tcp" alice secret
no_ends "turns:127.0.0.1:$secure?transport=tcp" alice secret "$scratch/another.pem"
no_ends "turns:127.0.0.1:$secure?transport=tcp" alice secret
no_ends "turn:127.0.0.1:$port?transport=tcp" alice wrong
