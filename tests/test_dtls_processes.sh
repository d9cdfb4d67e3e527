#!/bin/sh
# Does our DTLS connect with other people's programs over the loopback interface, in both roles, while datagrams are lost?
# OpenSSL's s_server and s_client, and GnuTLS's gnutls-serv and gnutls-cli where they are installed.
. "$(dirname "$0")/script.sh"

command -v openssl >/dev/null || skip 'openssl is not installed'

others=
stop_others() {
	for pid in $others; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	others=
}
leave() {
	stop_others
	rm -rf "$scratch"
}
trap leave EXIT

ours=$scratch/dtls_over_udp
$CC -std=gnu11 -Wall -Wextra -Werror $SAN_FLAGS -Iinclude -Isrc -Itests tests/programs/dtls_over_udp.c "$OUT/libinternal.a" $LIBS -o "$ours"
for name in own other; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" -keyout "$scratch/$name.key" \
		-out "$scratch/$name.crt" 2>/dev/null
	cat "$scratch/$name.crt" "$scratch/$name.key" >"$scratch/$name.pem"
done
certificate="-cert $scratch/other.crt -key $scratch/other.key"
gnutls_certificate="--x509certfile=$scratch/other.crt --x509keyfile=$scratch/other.key"

# The words of the other end; five a second, because a single one may be lost.
mkfifo "$scratch/words"
speak() { # $@ the other program
	: >"$scratch/log"
	"$@" <"$scratch/words" >"$scratch/log" 2>&1 &
	others="$others $!"
	# The pipe is opened for both ways, so that neither its opening nor its writing waits for the program.
	(while sleep 0.2; do echo word || exit 0; done) 1<>"$scratch/words" &
	others="$others $!"
}
is_bound() {
	cat /proc/net/udp /proc/net/udp6 2>/dev/null | grep -q "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$port") "
}
wait_for() { # $@ a condition
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { cat "$scratch/log"; fail "waited in vain for: $*"; }
		sleep 0.1
	done
}
heard() {
	grep -q word "$scratch/log"
}
check() { # $1 what, $2 status of ours
	[ "$2" -eq 0 ] || { tail -n 20 "$scratch/log"; fail "$1"; }
	wait_for heard
	stop_others
}

# $1 a seed, then the other program, PORT in its words standing for the port.
as_client() {
	seed=$1
	shift
	port=$("$ours" free-port)
	# shellcheck disable=SC2046
	speak $(echo "$*" | sed "s/PORT/$port/")
	wait_for is_bound
	status=0
	timeout 60 "$ours" client "$port" "$scratch/own.pem" "$scratch/other.pem" "$seed" || status=$?
	check "$*, as a client, seed $seed" $status
}
as_server() {
	seed=$1
	shift
	rm -f "$scratch/port"
	timeout 60 "$ours" server "$scratch/port" "$scratch/own.pem" "$scratch/other.pem" "$seed" &
	us=$!
	wait_for test -s "$scratch/port"
	# shellcheck disable=SC2046
	speak $(echo "$*" | sed "s/PORT/$(cat "$scratch/port")/")
	status=0
	wait $us || status=$?
	check "$*, as a server, seed $seed" $status
}

as_client 1 openssl s_server -dtls1_2 -timeout -accept 127.0.0.1:PORT -Verify 1 $certificate
as_client 2 openssl s_server -dtls1_2 -timeout -listen -accept 127.0.0.1:PORT -Verify 1 $certificate
as_client 3 openssl s_server -dtls1_2 -timeout -mtu 300 -accept 127.0.0.1:PORT -Verify 1 $certificate
as_server 4 openssl s_client -dtls1_2 -timeout -connect 127.0.0.1:PORT $certificate
as_server 5 openssl s_client -dtls1_2 -timeout -mtu 300 -connect 127.0.0.1:PORT $certificate

command -v gnutls-serv >/dev/null || { echo 'gnutls-serv (gnutls-bin) is not installed; only OpenSSL was tested'; exit 0; }
# gnutls-serv answers with what it hears.
as_client 6 gnutls-serv --udp --echo --port=PORT --require-client-cert $gnutls_certificate
as_server 7 gnutls-cli --udp --insecure --no-ca-verification --port=PORT $gnutls_certificate 127.0.0.1
