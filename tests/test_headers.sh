#!/bin/sh
# Is every function that the public headers declare in the library and explained, and is nothing else in it? (That each header
# compiles alone, in C and C++, is test_install.sh's.)
. "$(dirname "$0")/script.sh"

# Each declared function, and "yes" when a comment stands before it, behind it, or before the first of its group (declarations
# without a blank line between them).
explained() {
	awk '
	function report() { if (name != "") print name, told ? "yes" : "no"; name = "" }
	FNR == 1 { open = 0; told = 0; group = 0 }
	open { if (/\*\//) open = 0; next }
	/^\/\* ----/ { next }
	/^[ \t]*\/\*/ { if (!/\*\//) open = 1; if (/^\//) group = 1; next }
	/^$/ { group = 0; next }
	/^SLUICE_API / && match($0, /[a-z_0-9]+\(/) { name = substr($0, RSTART, RLENGTH - 1); told = group }
	name != "" && /\/\*/ { told = 1; if (!/\*\//) open = 1 }
	name != "" && /;/ { report() }
	' "$@"
}

explained include/sluice/*.h >"$scratch/declared"
[ "$(wc -l <"$scratch/declared")" = "$(cat include/sluice/*.h | grep -c '^SLUICE_API ')" ] || fail 'not every SLUICE_API is a function that this test sees'
silent=$(awk '$2 == "no" { print $1 }' "$scratch/declared")
[ -z "$silent" ] || fail 'no comment before' $silent

# The test of the test: a function without a comment is seen.
printf '\nSLUICE_API int sluice_a(void);\n\n/* Said. */\nSLUICE_API int sluice_b(int x,\n\tint y);\nSLUICE_API int sluice_c(void); /* so */\n' >"$scratch/h"
[ "$(explained "$scratch/h" | tr '\n' ' ')" = 'sluice_a no sluice_b yes sluice_c yes ' ] || fail 'explained() does not see what it should'

sort "$scratch/declared" | cut -d' ' -f1 >"$scratch/names"
nm -D --defined-only "$OUT/libsluice.so" | awk 'NF == 3 { print $3 }' | sort >"$scratch/exported"
missing=$(comm -23 "$scratch/names" "$scratch/exported")
[ -z "$missing" ] || fail 'declared, and not in the library:' $missing
extra=$(comm -13 "$scratch/names" "$scratch/exported")
[ -z "$extra" ] || fail 'in the library, and in no header:' $extra
