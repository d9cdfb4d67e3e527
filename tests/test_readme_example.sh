#!/bin/sh
# Do the C examples in the README compile by the line that stands there, without a warning, against what `make install PREFIX=...` put
# into a prefix; do they run; and do they say what they should?
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

eval "$install"
number=0
while number=$((number + 1)) && "$tree/scripts/extract-example" "$tree/README.md" $number >"$scratch/hello.c"; do
	cd "$scratch"
	rm -f hello
	eval "$build" || fail "example $number does not compile by: $build"
	eval "timeout 60 env $run" >said || fail "example $number ended with exit status $?"
	grep -q hello said || fail "example $number did not say hello"
	cd "$tree"
done
[ $number -gt 2 ] || fail 'README.md has fewer than two C examples between ```c and ```'
