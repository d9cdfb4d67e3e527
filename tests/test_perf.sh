#!/bin/sh
# Does `sluice perf` measure in each of its modes, refuse what is wrong, and end when it is told to? Short runs; no figure is
# judged here, only that there is one.
. "$(dirname "$0")/script.sh"
. tests/tool.sh

# One JSON object on one line, each named field there with a number.
has_fields() {
	[ "$(wc -l <"$out")" = 1 ] || { cat "$out"; fail "more than one line of JSON"; }
	grep -q '^{.*}$' "$out" || { cat "$out"; fail "not one JSON object"; }
	for field; do
		value=$(number "$field")
		[ -n "$value" ] || { cat "$out"; fail "no number in \"$field\""; }
	done
}
number() {
	sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$out"
}
# awk condition over v, the field's number
holds() {
	awk -v v="$(number "$1")" "BEGIN { exit !($2) }" || { cat "$out"; fail "\"$1\": not $2"; }
}

some_fingerprint="sha-256 $(printf 'AB:%.0s' 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1)AB"
common='rss_tx_mb rss_rx_mb retransmitted_chunks spurious_retransmissions recoveries tail_probes cwnd packet_size duration_s'
bulk="goodput_mbps msgs_per_s delivered_ratio cpu_tx_s_per_gb cpu_rx_s_per_gb $common"

# ---- every mode measures ----

run 0 perf --time 0.5 --json
has_fields $bulk
holds goodput_mbps 'v > 1'
holds delivered_ratio 'v == 1'
holds messages_sent 'v > 10'

for options in '--size 1' '--size 15' '--size 16' '--size 64' '--size 1024' '--size 65536' '--size 262144' '--channels 8' \
	'--unordered' '--unordered --size 7' '--mtu 400' '--mtu 9000' '--window 65536' '--size 64 --channels 3 --unordered'; do
	run 0 perf --time 0.3 --json $options
	has_fields $bulk
	holds delivered_ratio 'v == 1'
done
for options in '--max-retransmits 0' '--lifetime 50' '--unordered --max-retransmits 2 --size 100' '--lifetime 20 --size 8 --channels 2'; do
	run 0 perf --time 0.3 --json $options
	has_fields $bulk
	holds delivered_ratio 'v > 0 && v <= 1'
done

run 0 perf --ping --size 1024 --time 0.3 --json
has_fields p50_us p99_us p999_us p9999_us min_us max_us mean_us $common
holds p50_us 'v > 0'
holds count 'v > 10'
run 0 perf --ping --unordered --size 3 --time 0.2 --json
has_fields p50_us p99_us p999_us $common

# How often do the two ends sleep in half a second of pings? $@: options
ends_sleep() {
	"$sluice" perf --ping --time 2 "$@" >"$out" 2>"$err" </dev/null &
	pid=$!
	sleep 1
	children=$(cat "/proc/$pid/task/$pid/children")
	sleeps=0
	for moment in -1 1; do
		for child in $children; do
			count=$(sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$child/status")
			sleeps=$((sleeps + moment * count))
		done
		sleep 0.5
	done
	wait $pid || { cat "$err"; fail "perf --ping $*: exit code $?"; }
}
ends_sleep
[ "$sleeps" -gt 100 ] || fail "perf --ping: its ends slept $sleeps times only"
ends_sleep --spin 1000000
[ "$sleeps" -lt 20 ] || fail "perf --ping --spin: its ends slept $sleeps times"
wrong perf --spin 1000001

run 0 perf --open 5 --json
has_fields open_p50_ms open_max_ms $common
holds open_p50_ms 'v > 0'
holds count 'v == 5'

for streams in 1 5; do
	run 0 perf --media $streams --time 1 --json
	has_fields packets_per_s goodput_mbps packets_sent packets_received packets_lost frames_refused cpu_tx_s_per_gbit \
		cpu_rx_s_per_gbit rss_tx_mb rss_rx_mb duration_s
	holds streams "v == $streams"
	holds packets_lost 'v == 0'
	holds frames_received "v > 2 * $streams && v < 45 * $streams * $(number duration_s)"
	holds goodput_mbps "v > 0.1 * $streams"
done
run 0 perf --media 2 --time 1.3
grep -q '^ *1\.[0-9] s .*Mbit/s' "$out" && grep -q '^  CPU .* s/Gbit sending' "$out" || { cat "$out"; fail '--media: no lines'; }

# ---- how the association behaves, and what is recorded of it ----

# Each one that there is; the help and the manual have to name it too.
wrong perf --cc nonsense
cc_names=$(sed -n 's/.*--cc nonsense: expected //p' "$err")
controls=$(echo "$cc_names" | sed 's/,//g; s/ or / /')
[ "$(echo $controls | wc -w)" -ge 4 ] || { cat "$err"; fail "perf --cc nonsense does not name the congestion controls"; }
run 0 perf --help
tr -s ' \n' ' ' <"$out" | grep -qF "congestion control: $cc_names " || { cat "$out"; fail "perf --help does not name $cc_names"; }
sed -n '/^\.BI \\-\\-cc /,/^\.TP/p' src/tools/sluice.1 | sed 's/\\-/-/g' >"$scratch/manual"
for control in $controls; do
	grep -qx -- "\.B $control" "$scratch/manual" || fail "the manual does not name --cc $control"
	run 0 perf --time 0.2 --json --cc $control
	has_fields $bulk
	grep -q "\"congestion_control\": \"$control\"" "$out" || { cat "$out"; fail "--cc $control: another one was used"; }
done
for options in '--recovery rfc9260' '--recovery rack' '--scheduler first-come' '--scheduler round-robin' '--scheduler round-robin-packet' \
	'--scheduler priority' '--scheduler fair --channels 3' '--scheduler weighted-fair --channels 3' --no-pacing '--mtu-max 400' \
	'--mtu-max 65535'; do
	run 0 perf --time 0.2 --json $options
	has_fields $bulk
done
run 0 perf --time 0.2 --json --trace "$scratch/trace" --pcap "$scratch/pcap"
has_fields $bulk
sed -n 1p "$scratch/trace" | grep -q '"file_schema":"urn:ietf:params:qlog:file:sequential"' || fail '--trace: the first line is no header'
! grep -qv '^{.*}$' "$scratch/trace" || fail '--trace: a line that is no object'
grep -q '"name":"sctp:packet_sent".*"type":"\(I-\)\?DATA"' "$scratch/trace" || fail '--trace: no data was sent'
grep -q '"name":"sctp:association_state_updated".*"new":"ESTABLISHED"' "$scratch/trace" || fail '--trace: never established'
[ "$(od -An -tx4 -N4 "$scratch/pcap" | tr -d ' ')" = a1b23c4d ] || fail '--pcap: no capture file'
if command -v tshark >/dev/null 2>&1; then
	seen=$(tshark -r "$scratch/pcap" 2>/dev/null | wc -l)
	[ "$seen" = "$(grep -c '"sctp:packet_\(sent\|received\)"' "$scratch/trace")" ] || fail "--pcap: tshark sees $seen packets"
fi
run 0 perf --media 2 --time 0.5 --json --trace "$scratch/trace" --rtp-pcap "$scratch/pcap"
sed -n 1p "$scratch/trace" | grep -q 'urn:sluice:qlog:events:media-1' || fail '--media --trace: the first line is no header'
! grep -qv '^{.*}$' "$scratch/trace" || fail '--media --trace: a line that is no object'
grep -q '"name":"media:metrics_updated".*"target_bitrate":10000000' "$scratch/trace" || fail '--media --trace: the estimate is missing'
grep -q '"name":"media:probe_begun"' "$scratch/trace" || fail '--media --trace: no probe'
[ "$(grep -c file_schema "$scratch/trace")" = 1 ] || fail '--media --trace: two traces in one'
[ "$(od -An -tu4 -j20 -N4 "$scratch/pcap" | tr -d ' ')" = 101 ] && [ "$(stat -c %s "$scratch/pcap")" -gt 100000 ] ||
	fail '--rtp-pcap: no capture file'
if command -v tshark >/dev/null 2>&1; then
	seen=$(tshark -r "$scratch/pcap" -d udp.port==5004,rtp -Y rtp 2>/dev/null | wc -l)
	[ "$seen" -ge 100 ] || fail "--rtp-pcap: tshark sees $seen packets of RTP"
fi
run 1 perf --media 1 --time 0.2 --rtp-pcap "$scratch/none/file"
grep -q "perf: cannot write $scratch/none/file" "$err" || { cat "$err"; fail '--rtp-pcap: no clear message'; }
run 1 perf --media 1 --time 0.2 --rtp-pcap /dev/full
grep -q '/dev/full is not complete' "$err" || { cat "$err"; fail '--rtp-pcap: a full disk passes'; }
for option in trace pcap; do
	run 1 perf --time 0.2 --$option "$scratch/none/file"
	grep -q "cannot write $scratch/none/file" "$err" || { cat "$err"; fail "--$option: no clear message"; }
	run 1 perf --time 0.2 --$option /dev/full
	grep -q '/dev/full is not complete' "$err" || { cat "$err"; fail "--$option: a full disk passes"; }
done

# A line a second, then a summary; all for people.
run 0 perf --time 1.3
grep -q '^ *1\.[0-9] s .*Mbit/s' "$out" || { cat "$out"; fail 'no line after a second'; }
grep -q '^summary' "$out" && grep -q 'delivered .*100' "$out" || { cat "$out"; fail 'no summary'; }

# ---- the command line ----

run 0 --help
grep -q perf "$out" || fail '--help does not name perf'
run 0 --version
grep -q '^sluice [0-9]*\.[0-9]*\.[0-9]*$' "$out" || fail '--version'
run 0 help
grep -q '^  serve ' "$out" || fail 'help'
for command in cat echo forward media perf probe receive send serve; do
	run 0 $command --help
	cp "$out" "$scratch/help"
	grep -q "^Usage: sluice $command" "$scratch/help" || fail "$command --help"
	run 0 help $command
	cmp "$out" "$scratch/help" || fail "help $command"
	[ -f "src/tools/sluice-$command.1" ] || fail "$command has no man page"
	[ $command = send ] && continue # "help" may be a file
	run 0 $command help
	cmp "$out" "$scratch/help" || fail "$command help"
done
run 0 perf --help
for option in --max-retransmits --cc --trace --listen; do
	grep -q -- "^  $option" "$out" || fail "perf --help does not name $option"
done

wrong
wrong help nonsense
wrong help perf more
wrong perf help more
wrong nonsense
wrong --nonsense
wrong perf --nonsense
wrong perf stray
wrong perf --size
for size in 0 -1 262145 1e3 ' 5' 5k ''; do
	wrong perf --size "$size"
done
for time in 0 -1 nan inf 0x10 5s; do
	wrong perf --time "$time"
done
wrong perf --channels 0
wrong perf --channels 1001
wrong perf --max-retransmits 65536
wrong perf --lifetime 0
wrong perf --lifetime 5 --max-retransmits 5
wrong perf --mtu 399
wrong perf --mtu 16385
wrong perf --mtu-max 399
wrong perf --mtu-max 65536
wrong perf --cc
wrong perf --open 3 --trace "$scratch/trace"
for option in recovery:rfc9260\ or\ rack scheduler:first-come,\ round-robin; do
	wrong perf --${option%%:*} nonsense
	grep -q -- "--${option%%:*} nonsense: expected ${option#*:}" "$err" || { cat "$err"; fail "--${option%%:*}: the right ones are not named"; }
done
wrong perf --window 4095
wrong perf --open 0
wrong perf --ping --open 3
wrong perf --media 0
wrong perf --media 65
wrong perf --media 2 --open 3
wrong perf --media 2 --size 5
wrong perf --media 2 --pcap "$scratch/pcap"
wrong perf --rtp-pcap "$scratch/pcap"
wrong perf --ping --channels 2
wrong perf --ping --lifetime 5
wrong perf --open 3 --size 5
wrong perf --json=yes
wrong perf --fingerprint 'sha-256 00'
wrong perf --connect 127.0.0.1:9
wrong perf --connect nowhere --fingerprint "$some_fingerprint"
wrong perf --connect 0.0.0.0:7 --fingerprint "$some_fingerprint"
wrong perf --connect '[::]:7' --fingerprint "$some_fingerprint"
wrong perf --listen 127.0.0.1:0
wrong perf --listen 127.0.0.1:65536
wrong perf --listen 127.0.0.1:7 --size 5
wrong perf --listen 127.0.0.1:7 --connect 127.0.0.1:7

# ---- nobody there ----

started=$(date +%s)
run 1 perf --connect 127.0.0.1:9 --fingerprint "$some_fingerprint" --timeout 0.5
grep -q 'no answer from 127.0.0.1:9' "$err" || { cat "$err"; fail 'a dead peer: no clear message'; }
[ $(($(date +%s) - started)) -lt 10 ] || fail 'a dead peer: it took too long'

# ---- what is printed ----

code=0
"$sluice" perf --time 0.2 >/dev/full 2>"$err" || code=$?
[ "$code" = 1 ] && grep -q 'cannot write' "$err" || { cat "$err"; fail "a full disk: exit code $code"; }
code=0
"$sluice" perf --time 0.2 <&- >&- 2>"$err" || code=$?
[ "$code" = 0 ] && [ ! -s "$err" ] || { cat "$err"; fail "closed streams: exit code $code"; }
started=$(date +%s)
"$sluice" perf --time 30 2>"$err" | head -n 1 >"$out"
grep -q '^bulk: ' "$out" && [ ! -s "$err" ] || { cat "$out" "$err"; fail 'a reader that goes away'; }
[ $(($(date +%s) - started)) -lt 25 ] || fail 'a reader that goes away: it took too long'

# ---- a certificate that is none ----

for file in "$scratch/none" "$scratch" /dev/null; do
	run 1 perf --listen 127.0.0.1:7 --cert "$file"
	[ "$(wc -l <"$err")" = 1 ] && grep -q "$file" "$err" || { cat "$err"; fail "--cert $file: not one line with its name"; }
done

# ---- two ends by hand ----

# Waits until the file holds a line with that; prints what stands behind it.
wait_for() {
	for _ in $(seq 600); do
		found=$(sed -n "s/.*$2//p" "$1" | head -n 1)
		[ -z "$found" ] || break
		sleep 0.1
	done
	[ -n "$found" ] || { cat "$1"; fail "$1: no '$2'"; }
	printf '%s' "$found"
}

# $1: what the listener is told; the rest: options of the connector. Leaves the exit codes in listened and connected.
# $address and $reach, where set: what is listened on and connected to.
by_hand() {
	told=$1
	shift
	mkfifo "$scratch/stdin"
	: >"$scratch/listener.err"
	: >"$err"
	timeout -k 2 60 "$sluice" perf --listen "${address:-127.0.0.1}:$port" --json <"$scratch/stdin" >"$scratch/listener" 2>"$scratch/listener.err" &
	listener=$!
	exec 3>"$scratch/stdin"
	theirs=$(wait_for "$scratch/listener.err" 'fingerprint: ')
	timeout -k 2 60 "$sluice" perf --connect "${reach:-127.0.0.1}:$port" --fingerprint "$theirs" "$@" >"$out" 2>"$err" </dev/null &
	connector=$!
	ours=$(wait_for "$err" 'fingerprint: ')
	echo "${told:-$ours}" >&3
	listened=0
	connected=0
	wait $connector || connected=$?
	wait $listener || listened=$?
	exec 3>&-
	rm "$scratch/stdin"
}

by_hand '' --time 0.3 --json
[ "$connected $listened" = '0 0' ] || { cat "$err" "$scratch/listener.err"; fail "two ends by hand: $connected and $listened"; }
has_fields $bulk
cp "$scratch/listener" "$out"
has_fields goodput_mbps messages_received rss_rx_mb

by_hand '' --open 3 --json
[ "$connected $listened" = '0 0' ] || { cat "$err" "$scratch/listener.err"; fail "--open by hand: $connected and $listened"; }
has_fields open_p50_ms open_max_ms

by_hand '' --media 2 --time 0.5 --json
[ "$connected $listened" = '0 0' ] || { cat "$err" "$scratch/listener.err"; fail "--media by hand: $connected and $listened"; }
has_fields packets_per_s frames_received
cp "$scratch/listener" "$out"
has_fields packets_per_s frames_received rss_rx_mb

address=0.0.0.0
by_hand '' --time 0.3 --json
[ "$connected $listened" = '0 0' ] || { cat "$err" "$scratch/listener.err"; fail "on every address: $connected and $listened"; }
grep -q "connect 'ADDRESS_OF_THIS_HOST:$port'" "$scratch/listener.err" || { cat "$scratch/listener.err"; fail 'what to type for 0.0.0.0'; }
if [ -s /proc/net/if_inet6 ]; then
	address='[::1]' reach='[::1]'
	by_hand '' --open 2 --json
	[ "$connected $listened" = '0 0' ] || { cat "$err" "$scratch/listener.err"; fail "IPv6 by hand: $connected and $listened"; }
fi
address='' reach=''

by_hand "$some_fingerprint" --time 0.3 --json --timeout 5
[ "$connected $listened" = '1 1' ] || fail "a wrong fingerprint by hand: $connected and $listened"
grep -qi 'certificate' "$scratch/listener.err" || { cat "$scratch/listener.err"; fail 'a wrong fingerprint: no clear message'; }

# ---- one end by hand is interrupted, or dies ----

# $1: options of the listener. Leaves the pids of both ends.
by_hand_for_long() {
	timeout -k 2 60 "$sluice" perf --listen "127.0.0.1:$port" --cert "$scratch/cert" --fingerprint "$pair" ${1-} \
		>"$scratch/listener" 2>"$scratch/listener.err" </dev/null &
	listener=$!
	"$sluice" perf --connect "127.0.0.1:$port" --cert "$scratch/cert" --fingerprint "$pair" --time 30 \
		>"$out" 2>"$err" </dev/null &
	connector=$!
	until_true grep -q '^ *1\.[0-9] s' "$out"
}
if openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=perf -keyout "$scratch/cert" \
	-out "$scratch/crt" 2>/dev/null; then
	cat "$scratch/crt" >>"$scratch/cert"
	pair="sha-256 $(openssl x509 -in "$scratch/crt" -noout -fingerprint -sha256 | sed 's/.*=//')"
	by_hand_for_long
	kill -INT "$(inner $listener)"
	ended $listener 130 'Ctrl-C at the listener'
	grep -q '^  goodput .*Mbit/s' "$scratch/listener" || { cat "$scratch/listener"; fail 'Ctrl-C at the listener: no summary'; }
	ended $connector 1 'the listener was interrupted'
	grep -q 'the other side closed' "$err" || { cat "$err"; fail 'an interrupted listener: no clear message'; }

	by_hand_for_long '--timeout 2'
	started=$(date +%s)
	kill -KILL $connector
	ended $listener 1 'the connector was killed'
	grep -q 'nothing has arrived for 2 seconds' "$scratch/listener.err" || { cat "$scratch/listener.err"; fail 'a dead connector'; }
	[ $(($(date +%s) - started)) -lt 20 ] || fail 'a dead connector: it took too long'
fi

# ---- Ctrl-C ----

# $1 signal, $2 seconds until it comes; the rest: options
interrupt() {
	signal=$1
	delay=$2
	shift 2
	# timeout(1) in the foreground mode leaves us the process itself to signal.
	"$sluice" perf --time 30 "$@" >"$out" 2>"$err" </dev/null &
	pid=$!
	# A shell starts a background process with SIGINT ignored. The tool blocks the signal before it starts its two processes;
	# until it has a child there is no Ctrl-C to speak of.
	for _ in $(seq 500); do
		[ -z "$(cat "/proc/$pid/task/$pid/children")" ] || break
		sleep 0.01
	done
	sleep "$delay"
	kill -s "$signal" $pid
	code=0
	wait $pid || code=$?
}
interrupt INT 1
[ "$code" = 130 ] || { cat "$out" "$err"; fail "Ctrl-C: exit code $code"; }
grep -q '^summary (interrupted)' "$out" || { cat "$out" "$err"; fail 'Ctrl-C: no summary'; }
interrupt TERM 1 --json
[ "$code" = 130 ] || { cat "$out" "$err"; fail "SIGTERM: exit code $code"; }
has_fields $bulk
interrupt INT 1 --media 2 --json
[ "$code" = 130 ] || { cat "$out" "$err"; fail "Ctrl-C with --media: exit code $code"; }
has_fields packets_per_s frames_received
interrupt INT 1 --ping --json
[ "$code" = 130 ] || { cat "$out" "$err"; fail "Ctrl-C while pinging: exit code $code"; }
has_fields p50_us
started=$(date +%s)
for delay in 0.005 0.01 0.02; do # before, while and after the two find each other
	interrupt INT $delay
	[ "$code" = 130 ] && [ ! -s "$err" ] || { cat "$err"; fail "Ctrl-C after $delay s: exit code $code"; }
done
[ $(($(date +%s) - started)) -lt 25 ] || fail 'Ctrl-C at once: it took too long'

# ---- one process dies ----

for name in receiver sender; do
	"$sluice" perf --time 30 >"$out" 2>"$err" </dev/null &
	pid=$!
	sleep 0.5
	children=$(cat "/proc/$pid/task/$pid/children") # in the order in which they were started
	case $name in receiver) child=${children%% *} ;; *) child=${children#* } ;; esac
	started=$(date +%s)
	kill -KILL $child
	code=0
	wait $pid || code=$?
	[ "$code" = 1 ] && [ "$(wc -l <"$err")" = 1 ] && grep -q "the $name died of signal 9" "$err" ||
		{ cat "$err"; fail "a killed $name: exit code $code"; }
	[ $(($(date +%s) - started)) -lt 25 ] || fail "a killed $name: it took too long"
done

# A killed parent takes both processes with it.
"$sluice" perf --time 30 >"$out" 2>"$err" </dev/null &
pid=$!
sleep 1
children=$(cat "/proc/$pid/task/$pid/children")
kill -KILL $pid
wait $pid || true
# Ended means gone, or a zombie that nobody reaps: a container's first process may not.
runs() {
	grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null
}
for _ in $(seq 50); do
	alive=0
	for child in $children; do
		! runs "$child" || alive=1
	done
	[ $alive = 1 ] || break
	sleep 0.2
done
[ $alive = 0 ] || fail 'the two processes outlive their parent'
