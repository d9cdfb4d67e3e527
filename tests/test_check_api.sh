#!/bin/sh
# Can scripts/check-api fail? A small tree has two public functions; each line says whether its test calls both of them.
. "$(dirname "$0")/script.sh"

tree=$scratch/tree
count=0
mkdir -p "$tree/include/sluice" "$tree/tests/interop"
cat >"$tree/include/sluice/some.h" <<'end'
/* some: sluice_none() is no function * of ours. */
SLUICE_API int sluice_make(void (*wake)(void *ctx), struct sluice_some **out); /* not
sluice_more() */
SLUICE_API const char *sluice_some_name(enum sluice_kind kind);
static inline int sluice_some_len(const struct sluice_some *s) {
	return sluice_hidden(s);
}
end

plant() { # $1 what the test has beside a call of sluice_some_len, $2 file
	count=$((count + 1))
	rm -f "$tree"/tests/*.* "$tree"/tests/interop/*
	echo 'int a = sluice_some_len(s);' >"$tree/tests/test_len.c"
	printf '%s\n' "$1" >"$tree/tests/${2-test_some.c}"
}
refused() { # $1 and $3 as for plant, $2 the function that is missed
	plant "$1" "${3-test_some.c}"
	if TREE=$tree scripts/check-api >"$scratch/said"; then fail "accepted: $1"; fi
	[ "$(cat "$scratch/said")" = "no test calls $2()" ] || { cat "$scratch/said"; fail "$1: not $2() alone is named"; }
}
accepted() {
	plant "$@"
	TREE=$tree scripts/check-api || fail "refused: $1"
}

accepted 'f(sluice_make(NULL, &p), sluice_some_name(0));'
accepted '/* a * b */ sluice_make(NULL, &p); /* c */ sluice_some_name(0);'
accepted 'static inline int f(void) { return sluice_make(NULL, 0) + *sluice_some_name(0); }' kit.h
refused 'sluice_make(NULL, &p);' sluice_some_name
refused 'sluice_some_name(0);' sluice_make
refused 'sluice_make(NULL, &p); /* and sluice_some_name() */' sluice_some_name
refused 'sluice_make(NULL, &p); sluice_some_names(0); my_sluice_some_name();' sluice_some_name
refused 'sluice_some_name(0); /* of
 * sluice_make() */' sluice_make
refused 'sluice_some_name(0);' sluice_make test_more.c
plant 'sluice_make(NULL, &p); sluice_some_name(0);' interop/peer.c
if TREE=$tree scripts/check-api >"$scratch/said"; then fail 'tests/interop counts'; fi

echo "$count tests"
