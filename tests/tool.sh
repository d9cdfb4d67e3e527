# tool.sh: what the scripts that run two ends of the tool begin with, behind script.sh. Everything stays on 127.0.0.1, and every
# process has a limit of its own.

sluice=$OUT/sluice
[ -x "$sluice" ] || skip "$sluice is not built"
port=$((20000 + $$ % 12000)) # below those that the system gives away
here='--bind 127.0.0.1'

# Runs `sluice` in the foreground with a limit of 60 s; $1 is the exit code expected. Its output is in $out and $err.
out=$scratch/out
err=$scratch/err
run() {
	expected=$1
	shift
	code=0
	timeout -k 2 60 "$sluice" "$@" >"$out" 2>"$err" </dev/null || code=$?
	[ "$code" = "$expected" ] || { cat "$err"; fail "sluice $*: exit code $code, expected $expected"; }
}

# A wrong command line: exit code 2, a word about it on stderr, nothing on stdout.
wrong() {
	run 2 "$@"
	[ -s "$err" ] || fail "sluice $*: no word about what is wrong"
	[ ! -s "$out" ] || fail "sluice $*: wrote to stdout"
}

# No end outlives the script. One that has ended is no child of ours any more, whoever has its number now.
ends=
leave() {
	for end in $ends; do
		! grep -q "^PPid:[[:space:]]*$$\$" "/proc/$end/status" 2>/dev/null || kill "$end" || true
	done
	rm -rf "$scratch"
}
trap leave EXIT

# Starts `sluice` in the background as end $1, reading the file $2 and writing $scratch/$1.out and .err; its pid is in $pid.
start() {
	end=$1
	input=$2
	shift 2
	timeout -k 2 100 "$sluice" "$@" <"$input" >"$scratch/$end.out" 2>"$scratch/$end.err" &
	pid=$!
	ends="$ends $pid"
}

# Waits for the process $1; its exit code has to be $2. $3 says whose it is.
ended() {
	code=0
	wait "$1" || code=$?
	[ "$code" = "$2" ] || { tail -n 20 "$scratch"/*.err; fail "$3: exit code $code, expected $2"; }
}

# Waits until the command succeeds, at most a minute.
until_true() {
	for _ in $(seq 1200); do
		! "$@" || return 0
		sleep 0.05
	done
	tail -n 20 "$scratch"/*.err || true
	fail "in vain: $*"
}

# The process itself, below the timeout(1) that guards it.
inner() {
	cat "/proc/$1/task/$1/children" | tr -d ' '
}
has_inner() {
	[ -n "$(inner "$1" 2>/dev/null)" ]
}

random() { # $1 bytes into the file $2
	head -c "$1" /dev/urandom >"$2"
}

is_connected() { # $1: an end started with --verbose
	grep -q 'connected: ' "$scratch/$1.err"
}
