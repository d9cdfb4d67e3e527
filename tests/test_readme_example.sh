#!/bin/sh
# Do the C programs in README.md and include/README.md compile by the line that stands in README.md, without a warning, against what
# `make install PREFIX=...` put into a prefix; do they run; and do they say what they should?
. "$(dirname "$0")/script.sh"

[ -e README.md ] || skip 'there is no README.md'
pkg-config --version >/dev/null 2>&1 || skip 'there is no pkg-config'
tree=$PWD
HOME=$scratch # the prefix of the README is $HOME/.local
export HOME

# $1: how a line begins. The one line of the README that does, without its comment.
readme_line() {
	[ "$(grep -c "^$1" "$tree/README.md")" = 1 ] || fail "not one line of README.md begins with '$1'"
	sed -n "s/^\($1.*\)/\1/p" "$tree/README.md" | sed 's/ *#.*//'
}

# What the lines call, with the flags of this build.
make() {
	command $MAKE --no-print-directory "$@" BUILD="$(dirname "$OUT")" CC="$CC" SAN="${SAN-}" >"$scratch/make.log" 2>&1 ||
		{ cat "$scratch/make.log"; fail 'make install'; }
}
cc() {
	command $CC -Wall -Wextra -Werror $SAN_FLAGS "$@"
}

install=$(readme_line 'make install')
build=$(readme_line 'cc hello\.c')
run=$(readme_line 'LD_LIBRARY_PATH=')

# $1: a page. Each of its programs, of which there must be one.
examples_run() {
	number=0
	while number=$((number + 1)) && "$tree/scripts/extract-example" "$tree/$1" $number >"$scratch/hello.c"; do
		cd "$scratch"
		rm -f hello
		eval "$build" || fail "example $number of $1 does not compile by: $build"
		eval "timeout 60 env $run" >said || fail "example $number of $1 ended with exit status $?"
		grep -q hello said || fail "example $number of $1 did not say hello"
		cd "$tree"
	done
	[ $number -gt 1 ] || fail "$1 has no C example between \`\`\`c and \`\`\`"
}

eval "$install"
examples_run README.md
examples_run include/README.md
