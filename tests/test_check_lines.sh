#!/bin/sh
# Can scripts/check-lines fail? Lines of 130 columns must pass, longer ones must be named.
. "$(dirname "$0")/script.sh"

count=0
line() { # $1 a character, $2 how often
	printf "%$2s" '' | tr ' ' "$1"
}
# $1 is the line.
accepted() {
	count=$((count + 1))
	printf 'int a;\n%s\nint b;\n' "$1" >"$scratch/file.c"
	scripts/check-lines "$scratch/file.c" >"$scratch/said" || { cat "$scratch/said"; fail "refused: $1"; }
}
refused() {
	count=$((count + 1))
	printf 'int a;\n%s\nint b;\n' "$1" >"$scratch/file.c"
	if scripts/check-lines "$scratch/file.c" >"$scratch/said"; then fail "accepted: $1"; fi
	grep -q "^$scratch/file.c:2: " "$scratch/said" || fail "line 2 was not named: $1"
}

tab=$(printf '\t')
accepted "$(line x 130)"
refused "$(line x 131)"
accepted "/* $(line x 124) */"
refused "/* $(line x 125) */"
accepted "$tab$(line x 122)"
refused "$tab$(line x 123)"
accepted "1234567$tab$(line x 122)"
refused "12345678$tab$(line x 115)"
accepted "$(line x 128)é"
accepted "$(line x 129)é"
refused "$(line x 130)é"

echo "$count lines"
