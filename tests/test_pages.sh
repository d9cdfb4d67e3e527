#!/bin/sh
# Is everything there that the pages (*.md) name: the files between backquotes, and the targets of links?
. "$(dirname "$0")/script.sh"

# Names between backquotes that end like a file of ours. A placeholder (`bench_x.c`, `cc_*.c`) is no file.
named_files() {
	grep -o '`[A-Za-z0-9_./-]*\.\(c\|h\|sh\|md\|mjs\)`' "$1" | tr -d '`' | grep -v '_x\.'
}
links() {
	grep -o '](\([^)#:]*\))' "$1" | sed 's/^](//; s/)$//'
}
# $1: a page, $2: a name. Beside the page, at the root, in src/, in a room of the association, or (a bare name) anywhere.
is_there() {
	for place in "$(dirname "$1")" . src src/sctp; do
		[ ! -e "$place/$2" ] || return 0
	done
	case $2 in
	*/*) return 1 ;;
	*) [ -n "$(find src include tests bench fuzz scripts -name "$2" -not -path '*/node_modules/*')" ] ;;
	esac
}
# The names of the page that are not there.
missing() {
	for name in $(named_files "$1"); do
		is_there "$1" "$name" || echo "$name"
	done
	for target in $(links "$1"); do
		[ -e "$(dirname "$1")/$target" ] || echo "$target"
	done
}

for page in *.md */README.md src/*/README.md; do
	[ -z "$(missing "$page")" ] || fail "$page names what is not there:" $(missing "$page")
done

# The test of the test.
printf 'See `README.md`, `gone_for_good.c` and [this](gone.md).\n' >"$scratch/page.md"
[ "$(missing "$scratch/page.md" | tr '\n' ' ')" = 'gone_for_good.c gone.md ' ] || fail 'missing() does not see what is not there'
