#!/bin/sh
# Does SRTP add few instructions to those of its cipher? Times are too noisy to tell on a machine with other work; counts are not.
# The bench's two cases send the same batch there and back, one by SRTP and one by the bare cipher.
. "$(dirname "$0")/script.sh"

most=340 # a packet, protected and unprotected again
bench=$OUT/bench/bench_srtp
part='there and back, AEAD_AES_128_GCM, EVP, 1200 bytes'

[ -z "${SAN-}" ] || skip 'sanitizers add instructions of their own'
grep -q -- ' -O[23]' "$OUT/flags" || skip 'the build is not optimised'
command -v valgrind >/dev/null || skip 'valgrind is not installed (scripts/deps installs it)'

ITERATIONS=20 scripts/bench-instructions "$bench" "$part" >"$scratch/counts" 2>"$scratch/said" </dev/null
awk -v most="$most" '
	{ match($0, /"median":[0-9.e+]*/); count[/"case":"bare/ ? "bare" : "ours"] = substr($0, RSTART + 9, RLENGTH - 9) }
	END {
		added = (count["ours"] - count["bare"]) / 32
		printf "SRTP adds %.0f instructions to the %.0f of a packet there and back, at most %d\n", added, count["bare"] / 32, most
		exit !(count["bare"] > 0 && added > 0 && added <= most)
	}' "$scratch/counts" || fail "$(cat "$scratch/counts" "$scratch/said")"
