#!/bin/sh
# Can scripts/check-circles fail? Small trees of C files are compiled; each circle planted there must be found and named, and
# each list of allowed circles that is not exact must be refused.
. "$(dirname "$0")/script.sh"

tree=$scratch/tree
count=0

# $1 is a file below src/, the rest are its lines of C.
plant() {
	mkdir -p "$(dirname "$tree/src/$1")" "$(dirname "$tree/build/obj/src/$1")"
	file=$1
	shift
	printf '%s\n' "$@" >"$tree/src/$file"
	$CC -c "$tree/src/$file" -o "$tree/build/obj/src/${file%.c}.o"
}
allow() {
	mkdir -p "$tree/scripts"
	printf '%s\n' '# The page.' '' "$@" >"$tree/scripts/circles"
}
check() {
	count=$((count + 1))
	TREE=$tree OUT=build scripts/check-circles "$@" >"$scratch/said" 2>&1
}
passes() {
	check "$@" || { cat "$scratch/said"; fail "refused: $*"; }
}
# $1 is what must be printed, the rest goes to check-circles.
refuses() {
	text=$1
	shift
	if check "$@"; then fail "passed, should have said: $text"; fi
	grep -qF -e "$text" "$scratch/said" || { cat "$scratch/said"; fail "did not say: $text"; }
}

# A line of calls is no circle; a file that calls itself is none.
allow
plant ice/a.c 'void b(void); void a(void) { b(); }'
plant ice/b.c 'int c; void b(void) { c++; if (c > 3) b(); }'
passes

# A call back is one, and so is a use of the other file's data.
plant ice/b.c 'void a(void); void b(void) { a(); }'
refuses 'src/ice/b.c -> src/ice/a.c: a'
refuses 'src/ice/b.c -> src/ice/a.c: a' src/ice
plant ice/b.c 'extern void (*const table[])(void); void b(void) { table[0](); }'
plant ice/a.c 'void b(void); void (*const table[])(void) = {b};'
refuses 'src/ice/b.c -> src/ice/a.c: table'

# A circle may lead through other folders.
plant ice/a.c 'void b(void); void a(void) { b(); }'
plant ice/b.c 'void c(void); void b(void) { c(); }'
plant peer/c.c 'void a(void); void c(void) { a(); }'
refuses 'src/peer/c.c -> src/ice/a.c: a'
refuses 'src/peer/c.c -> src/ice/a.c: a' src/peer

# What the list names passes; what has grown does not, and --write does not let it in.
allow '# They are friends.' src/ice/a.c src/ice/b.c src/peer/c.c
passes
passes ice
plant ice/b.c 'void c(void); void d(void); void b(void) { c(); d(); }'
plant ice/d.c 'void b(void); void d(void) { b(); }'
refuses 'src/ice/d.c: not in scripts/circles'
refuses 'src/ice/d.c: not in scripts/circles' --write
if grep -q 'smaller' "$scratch/said"; then fail 'a circle that has grown is called smaller'; fi

# Two circles of the list may not become one.
allow src/ice/a.c src/peer/c.c '' src/ice/b.c src/ice/d.c
refuses 'in the block of src/ice/b.c'

# A circle that lost a file fails until the list says so; --write keeps the reason.
allow '# They are friends.' src/ice/a.c src/ice/b.c src/ice/d.c src/peer/c.c
plant ice/d.c 'void d(void) {}'
refuses 'the block of src/ice/a.c is smaller now'
passes --write
passes
printf '%s\n' '# The page.' '' '# They are friends.' src/ice/a.c src/ice/b.c src/peer/c.c | cmp - "$tree/scripts/circles" ||
	fail '--write wrote something else'
plant peer/c.c 'void c(void) {}'
refuses 'the block of src/ice/a.c is smaller now'
passes --write
passes

# An object that is not there or is old says nothing about its source.
rm "$tree/build/obj/src/ice/a.o"
refuses 'run make'

echo "$count trees"
