#!/bin/sh
# Do the C programs in README.md and include/README.md compile by the lines that stand in README.md, without a warning, against what
# `make install PREFIX=...` put into a prefix, with the shared library and with the static one; do they run; and do they say what
# they should?
. "$(dirname "$0")/script.sh"

[ -e README.md ] || skip 'there is no README.md'
pkg-config --version >/dev/null 2>&1 || skip 'there is no pkg-config'
tree=$PWD
HOME=$scratch # the prefix of the README is $HOME/.local
export HOME

# $1: how a line begins. The one line of the README that does, without its comment.
readme_line() {
	[ "$(grep -c "^$1" "$tree/README.md")" = 1 ] || fail "not one line of README.md begins with '$1'"
	grep "^$1" "$tree/README.md" | sed 's/ *#.*//'
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
export=$(readme_line 'export PKG_CONFIG_PATH=')
build=$(readme_line 'cc hello\.c -o hello ')
run=$(readme_line 'LD_LIBRARY_PATH=')
build_static=$(readme_line 'cc hello\.c -o hello-static ')
run_static=$(readme_line '\./hello-static')

# $1: a line that compiles; $2: one that runs; the rest: of which program, for a message
says_hello() {
	compile=$1
	start=$2
	shift 2
	rm -f hello hello-static
	eval "$compile" || fail "$* does not compile by: $compile"
	eval "timeout 60 env $start" >said || fail "$* ended with an error by: $start"
	grep -q hello said || fail "$* did not say hello"
}

# $1: a page. Each of its programs, of which there must be one.
examples_run() {
	number=0
	while number=$((number + 1)) && "$tree/scripts/extract-example" "$tree/$1" $number >"$scratch/hello.c"; do
		cd "$scratch"
		says_hello "$build" "$run" "example $number of $1"
		says_hello "$build_static" "$run_static" "example $number of $1"
		cd "$tree"
	done
	[ $number -gt 1 ] || fail "$1 has no C example between \`\`\`c and \`\`\`"
}

eval "$install"
eval "$export"
examples_run README.md
examples_run include/README.md
