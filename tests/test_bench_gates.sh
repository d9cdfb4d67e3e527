#!/bin/sh
# Do the gates fail when what they guard is broken on purpose? A case that needs two per cent more instructions, an allocation for
# each batch, one more system call for each batch that is sent, and one more datagram.
. "$(dirname "$0")/script.sh"

[ -z "${SAN-}" ] || skip 'sanitizers add instructions, allocations and system calls of their own'
grep -q -- ' -O[23]' "$OUT/flags" || skip 'the build is not optimised'
command -v valgrind >/dev/null || skip 'valgrind is not installed (scripts/deps installs it)'
gates_out=$OUT
flags="-std=gnu11 -include stdlib.h -O2 -g -D_GNU_SOURCE= -Iinclude -Isrc -I. -Itests -Ibench"
grep -q -- '-DSLUICE_MIMALLOC' "$OUT/flags" && flags="$flags -DSLUICE_MIMALLOC"
grep -q -- '-DSLUICE_IPSEC_MB' "$OUT/flags" && flags="$flags -DSLUICE_IPSEC_MB"

said() { # $1 exit code, $2 words, the rest: a gate
	expected=$1 words=$2 code=0
	shift 2
	"$@" >"$scratch/said" 2>&1 || code=$?
	[ "$code" = "$expected" ] || { cat "$scratch/said"; fail "exit code $code, expected $expected: $*"; }
	grep -qF -e "$words" "$scratch/said" || { cat "$scratch/said"; fail "it does not say '$words': $*"; }
}

# $1: part of a record. What a gate measures is kept, also where it fails.
kept() {
	grep -qF "$1" "$scratch/history"/*.jsonl || { cat "$scratch/said"; fail "the history has no $1"; }
}

# ---- instructions ----

mkdir -p "$scratch/build/gcc" "$scratch/base" "$scratch/more"
for version in base more; do
	more=
	[ $version = base ] || more=-DMORE
	# shellcheck disable=SC2086
	$CC $flags $more tests/programs/gate_bench.c "$OUT/libharness.a" "$OUT/libsim.a" "$OUT/libinternal.a" $LIBS \
		-o "$scratch/$version/bench_gate"
done
export OUT="$scratch/build/gcc" BASELINE="$scratch/baseline.json"
said 2 'make bench-ir UPDATE' scripts/bench-ir "$scratch/base/bench_gate"
said 2 'needs a reason' scripts/bench-ir --update '' "$scratch/base/bench_gate"
said 0 '1 cases: a "first" one' scripts/bench-ir --update 'a "first" one' "$scratch/base/bench_gate"
said 0 'ok    1 cases, geometric mean' scripts/bench-ir "$scratch/base/bench_gate"
export RESULTS="$scratch/history"
said 1 'FAIL  gate, a loop: ' scripts/bench-ir "$scratch/more/bench_gate"
kept '"bench":"gate","case":"a loop","metric":"instructions"'
unset RESULTS
grep -q 'busy_function: .*, was ' "$scratch/said" || { cat "$scratch/said"; fail 'it does not name the function that grew'; }
sed '/"gate"/{s/a loop/another/;}' "$BASELINE" >"$scratch/other" && mv "$scratch/other" "$BASELINE"
said 1 'FAIL  gate, another: the baseline has it, the benches do not' scripts/bench-ir "$scratch/base/bench_gate"
sed -i 's/^"compiler":"/&not /' "$BASELINE"
said 0 'the baseline is of another compiler: not compared' scripts/bench-ir "$scratch/more/bench_gate"

# ---- exact figures ----

# bench_exact with a line added to a function of src/: $1 the file, $2 what stands at the function's beginning, $3 the line.
broken() {
	mkdir -p "$scratch/$(dirname "$1")"
	awk -v begin="$2" -v line="$3" '{ print } index($0, begin) == 1 && !done { print line; done = 1 }' "$1" >"$scratch/$1"
	! cmp -s "$1" "$scratch/$1" || fail "$1 has no '$2'"
	# shellcheck disable=SC2086
	$CC $flags -Wl,--wrap=memcpy,--wrap=memmove,--wrap=copy_long,--wrap=sendto,--wrap=sendmsg,--wrap=sendmmsg \
		-I"$(dirname "$1")" bench/bench_exact.c "$scratch/$1" \
		"$gates_out/libharness.a" "$gates_out/libsim.a" "$gates_out/libinternal.a" $LIBS -o "$scratch/bench_exact"
}
export EXACT="$scratch/bench_exact"
broken src/io/udp.c 'int udp_send(' '	(void)getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &(int){0}, &(socklen_t){sizeof(int)});'
export RESULTS="$scratch/history"
said 1 'FAIL  exact, system calls  ' scripts/bench-exact 'exact, '
kept '"bench":"exact","case":"offer to open channel"'
unset RESULTS
grep -q '^FAIL  exact, system calls of a round trip' "$scratch/said" || { cat "$scratch/said"; fail 'a round trip has more calls'; }
grep -q '^ok    exact, datagrams of a round trip' "$scratch/said" || { cat "$scratch/said"; fail 'a call is no datagram'; }
broken src/io/udp.c 'static int send_one(' '	(void)sendto(u->fd, "", 1, MSG_DONTWAIT, (void *)(uintptr_t)&b->path.remote, b->path.remote_len);'
said 1 'FAIL  exact, datagrams of a round trip' scripts/bench-exact 'of a round trip'
broken src/io/udp.c 'int udp_send(' '	void *volatile one = malloc(100); free(one);'
said 1 'FAIL  exact, allocations while two peers talk' scripts/bench-exact 'exact, '
grep -q '^ok    exact, system calls' "$scratch/said" || { cat "$scratch/said"; fail 'an allocation is no system call'; }

# ---- times ----

# Least times of 0.3 s, and of 0.3 s times $1, with what other work adds to each; the control's halves differ by $2.
make_times() {
	awk -v ratio="$1" -v apart="$2" 'BEGIN {
		srand(3)
		for (i = 0; i < 20; i++) {
			print "a", 0.3 + rand() * rand() / 100
			print "b", 0.3 * apart + rand() * rand() / 100
			print "o", 0.3 + rand() * rand() / 100
			print "n", 0.3 * ratio + rand() * rand() / 100
		}
	}' >"$scratch/times"
}
judged() { # $1 the word
	scripts/bench-ab --judge <"$scratch/times" >"$scratch/said"
	grep -q "^$1 " "$scratch/said" || { cat "$scratch/said"; fail "bench-ab does not say '$1'"; }
}
make_times 1.05 1 && judged slower
make_times 0.95 1 && judged faster
make_times 1.001 1 && judged unsure
make_times 1.05 1.04 && judged 'machine too noisy'
make_times 0.5 1.04 && judged faster
make_times 1.5 1.04 && judged slower
said 2 'there is no revision nothing' scripts/bench-ab nothing crc32c
