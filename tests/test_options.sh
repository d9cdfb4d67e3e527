#!/bin/sh
# Does the manual of each command name every option that its --help names, and no option that the command does not have?
. "$(dirname "$0")/script.sh"

sluice=$OUT/sluice
[ -x "$sluice" ] || skip "$sluice is not built"

# The long options in the text on stdin, a line each.
options() {
	grep -o -- '--[a-z][a-z-]*' | sort -u
}
# A page as plain text: \- is a minus sign.
page() {
	sed 's/\\-/-/g; s/\\f[A-Z]//g' "$1"
}

for command in cat echo forward media perf probe receive send serve; do
	"$sluice" "$command" --help >"$scratch/help"
	[ "$("$sluice" help "$command" | cksum)" = "$(cksum <"$scratch/help")" ] || fail "help $command differs from $command --help"
	options <"$scratch/help" >"$scratch/in_help"
	manual=src/tools/sluice-$command.1
	! grep -q '^\.so ' "$manual" || manual=src/tools/sluice-send.1
	{ page src/tools/sluice.1 && page "$manual"; } | options >"$scratch/in_manual"
	missing=$(comm -23 "$scratch/in_help" "$scratch/in_manual")
	[ -z "$missing" ] || fail "the manual of sluice $command does not name:" $missing
	for option in $(sed -n 's/^\.B[A-Z]* *\\-\\-\([a-z\\-]*\).*/--\1/p' "$manual" | sed 's/\\//g' | sort -u); do
		grep -q -- "^$option\$" "$scratch/in_help" || [ "$manual" = src/tools/sluice-send.1 ] ||
			fail "sluice $command has no $option, which its manual describes"
	done
done
