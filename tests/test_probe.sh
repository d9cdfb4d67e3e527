#!/bin/sh
# Does `sluice probe` show the candidates of this host and what it was told to ask, and say what does not answer?
. "$(dirname "$0")/script.sh"
. tests/tool.sh

run 0 probe $here
grep -q '^  host *udp  127.0.0.1:' "$out" || { cat "$out"; fail 'no host candidate'; }
grep -q -- '--stun URL' "$out" || { cat "$out"; fail 'no word about servers'; }
run 0 probe $here --json
[ "$(wc -l <"$out")" = 1 ] && grep -q '"type": "host"' "$out" || { cat "$out"; fail 'not one line of JSON'; }
run 0 probe $here --port-range 40000-49999 --json
grep -q '"port": 4[0-9][0-9][0-9][0-9]' "$out" || { cat "$out"; fail '--port-range'; }

# Nobody there.
started=$(date +%s)
run 1 probe $here --timeout 0.7 --stun stun:127.0.0.1:9
grep -q 'no answer' "$out" || { cat "$out"; fail 'a silent server'; }
run 1 probe $here --timeout 0.7 --turn turn:127.0.0.1:9 --username u --credential c
grep -q 'over tcp: ' "$out" && grep -q 'over udp: ' "$out" || { cat "$out"; fail 'a silent relay'; }
run 1 probe $here --timeout 0.7 --turn turn:127.0.0.1:9 --username u --credential c --json
grep -q '"reachable": false' "$out" || { cat "$out"; fail 'a silent relay as JSON'; }
[ $(($(date +%s) - started)) -lt 10 ] || fail 'silent servers: it took too long'

run 0 probe --help
grep -q -- '--stun' "$out" || fail 'probe --help'
wrong probe stray
wrong probe --signal x
wrong probe --json=yes
wrong probe --stun nonsense
wrong probe --stun 'stun:a?transport=udp'

# A real server, where one is installed.
if ! command -v turnserver >/dev/null 2>&1; then
	echo 'turnserver is not installed (coturn): relays were not asked'
	exit 0
fi
turn=$((port + 1))
other=$((port + 2))
cat >"$scratch/turn.conf" <<-END
	listening-ip=127.0.0.1
	listening-port=$turn
	alt-listening-port=$other
	relay-ip=127.0.0.1
	min-port=49152
	max-port=49200
	user=u:c
	realm=example.org
	lt-cred-mech
	allow-loopback-peers
	no-tls
	no-dtls
	no-cli
	pidfile=$scratch/turn.pid
	userdb=$scratch/turn.db
	log-file=stdout
	simple-log
END
timeout -k 2 60 turnserver -c "$scratch/turn.conf" >"$scratch/turn.log" 2>&1 &
server=$!
answers() {
	"$sluice" probe $here --timeout 1 --stun "stun:127.0.0.1:$turn" >"$out" 2>"$err"
}
until_true answers
grep -q 'sees 127.0.0.1:' "$out" && grep -q 'no NAT' "$out" || { cat "$out"; fail 'STUN'; }
run 0 probe $here --turn "turn:127.0.0.1:$turn" --username u --credential c
grep -q 'over udp: relays at 127.0.0.1:' "$out" && grep -q 'over tcp: relays at 127.0.0.1:' "$out" || { cat "$out"; fail 'TURN'; }
run 1 probe $here --timeout 2 --turn "turn:127.0.0.1:$turn" --username u --credential wrong
grep -q 'over udp: the server does not take this --username and --credential (401)' "$out" || { cat "$out"; fail 'a wrong credential'; }

# Two ends that meet at the relay alone.
relay="--relay-only --turn turn:127.0.0.1:$turn"
random 2000000 "$scratch/data"
for transport in udp tcp; do
	start one "$scratch/data" cat $here $relay?transport=$transport --username u --credential c --verbose --signal "$scratch/room"
	one=$pid
	start two /dev/null cat $here $relay?transport=$transport --username u --credential c --signal "$scratch/room"
	ended $pid 0 "at the relay over $transport, two"
	ended $one 0 "at the relay over $transport, one"
	cmp "$scratch/data" "$scratch/two.out" || fail "at the relay over $transport"
	grep -q 'connected: relay .* to relay' "$scratch/one.err" || { cat "$scratch/one.err"; fail 'not by way of the relay'; }
done
start one /dev/null cat $here $relay --username u --credential wrong --timeout 3 --signal "$scratch/room"
one=$pid
start two /dev/null cat $here $relay --username u --credential wrong --timeout 3 --signal "$scratch/room"
ended $pid 1 'a wrong credential, two'
ended $one 1 'a wrong credential, one'
grep -q 'no --turn server gave it a relayed address' "$scratch/one.err" || { cat "$scratch/one.err"; fail 'a wrong credential: no clear message'; }
kill $server
wait $server || true
