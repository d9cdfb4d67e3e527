#!/bin/sh
# Can a user build against what `make install` installs, with the shared and with the static library, and does `make
# uninstall` leave nothing behind?
. "$(dirname "$0")/script.sh"

prefix=$scratch/root/opt/sluice
make_it() { # $1 target. Variables that make was called with reach this one through MAKEFLAGS.
	$MAKE --no-print-directory "$1" PREFIX=/opt/sluice DESTDIR="$scratch/root" BUILD="$(dirname "$OUT")" CC="$CC" SAN="${SAN-}" \
		>"$scratch/make.log" 2>&1 || { cat "$scratch/make.log"; fail "make $1"; }
}
flags() {
	PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --define-variable=prefix="$prefix" "$@" sluice
}
needs_shared() {
	readelf -d "$1" | grep -q 'NEEDED.*libsluice\.so\.[0-9]*\]'
}

make_it install
version=$(flags --modversion)
for file in lib/libsluice.a "lib/libsluice.so.$version" lib/libsluice.so lib/pkgconfig/sluice.pc include/sluice.h include/sluice/error.h; do
	[ -e "$prefix/$file" ] || fail "$file was not installed"
done
for file in src/tools/*.c; do
	[ ! -e "$file" ] || [ -x "$prefix/bin/sluice" ] || fail 'the tool was not installed'
done
for file in src/tools/*.1; do
	[ -e "$prefix/share/man/man1/${file##*/}" ] || fail "the manual page $file was not installed"
done

$CC -std=c11 -Wall -Wextra -Werror $SAN_FLAGS $(flags --cflags) tests/programs/installed.c $(flags --libs) -o "$scratch/shared"
needs_shared "$scratch/shared" || fail 'the program was not linked with libsluice.so by its SONAME'
LD_LIBRARY_PATH=$prefix/lib timeout 60 "$scratch/shared" || fail 'the program with the shared library'

static=$(flags --static --libs | sed 's/-lsluice/-l:libsluice.a/')
$CC -std=c11 -Wall -Wextra -Werror $SAN_FLAGS $(flags --cflags) tests/programs/installed.c $static -o "$scratch/static"
! needs_shared "$scratch/static" || fail 'the program was to be linked with libsluice.a'
timeout 60 "$scratch/static" || fail 'the program with the static library'

# Every header stands alone, also in C++ where there is a compiler for it.
for header in "$prefix"/include/sluice.h "$prefix"/include/sluice/*.h; do
	name=${header#"$prefix"/include/}
	echo "#include <$name>" | $CC -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" -x c - || fail "<$name> alone"
	! command -v g++ >/dev/null 2>&1 || echo "#include <$name>" | g++ -Wall -Wextra -Werror -fsyntax-only -I"$prefix/include" -x c++ - || fail "<$name> in C++"
done

make_it uninstall
left=$(find "$scratch/root" ! -type d)
[ -z "$left" ] || fail 'make uninstall left' $left
[ ! -d "$prefix/include/sluice" ] || fail 'make uninstall left include/sluice'
