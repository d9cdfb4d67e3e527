#!/bin/sh
# Does ICE add at most 3 % to what the same message costs without it, in packets of the same size? Both ends count, and DTLS does.
# Ciphers and copies are left out: they are no code of ours, and valgrind shows a CPU on which they are slow.
. "$(dirname "$0")/script.sh"

bench=$OUT/bench/bench_peer

[ -z "${SAN-}" ] || skip 'sanitizers add instructions of their own'
grep -q -- ' -O[23]' "$OUT/flags" || skip 'the build is not optimised'
command -v valgrind >/dev/null || skip 'valgrind is not installed (scripts/deps installs it)'

compare() { # $1 size of a message, $2 iterations
	ITERATIONS=$2 scripts/bench-instructions "$bench" "$1 bytes, " >"$scratch/counts" 2>"$scratch/said" </dev/null
	awk -v size="$1" '
		function number(name) {
			return index($0, name) ? substr($0, index($0, name) + length(name)) + 0 : 0
		}
		{
			way = /"case":"[0-9]+ bytes, ICE/ ? "ICE" : "direct"
			count[way] = number("\"median\":") - number("\"???\":") # those of libraries without symbols
			for (name in copies)
				count[way] -= number("\"" name "\":")
		}
		BEGIN { copies["__memcpy_avx_unaligned_erms"]; copies["__memmove_avx_unaligned_erms"] }
		END {
			if (count["direct"] <= 0 || count["ICE"] <= 0)
				exit 1
			ratio = count["ICE"] / count["direct"]
			printf "%d bytes: %.0f instructions, %.0f by ICE: %.4f times\n", size, count["direct"], count["ICE"], ratio
			exit ratio > 1.03
		}' "$scratch/counts" || fail "$(cat "$scratch/counts" "$scratch/said")"
}

compare 16384 400
compare 64 20000
