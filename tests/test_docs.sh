#!/bin/sh
# Does `make docs` say everything without a warning, and would it say when a comment names something that is not there?
. "$(dirname "$0")/script.sh"

command -v doxygen >/dev/null 2>&1 || skip 'doxygen is not installed (scripts/deps installs it)'

for header in include/*.h include/*/*.h; do
	[ "$(scripts/doxygen-filter "$header" | wc -l)" = "$(wc -l <"$header")" ] || fail "the filter moves lines of $header"
done

$MAKE --no-print-directory docs BUILD="$scratch/build" >"$scratch/log" 2>&1 || { cat "$scratch/log"; fail 'make docs'; }
! grep -q 'warning:\|error:' "$scratch/log" || { cat "$scratch/log"; fail 'a warning'; }
pages=$scratch/build/docs
grep -q 'what a negative result means' "$pages/index.html" || fail 'the main page is not that of sluice.h'
grep -q 'The bytes are copied; use' "$pages/channel_8h.html" || fail 'a comment before a function is not on its page'
grep -q 'even ids; RFC 8832, 6' "$pages/channel_8h.html" || fail 'a comment behind a constant is not on its page'
grep -q 'The message is released after the callback' "$pages/structsluice__channel__callbacks.html" || fail 'a field has no page'

# A tree with one name in a comment that is gone.
mkdir "$scratch/broken" "$scratch/out"
cp -r include scripts Doxyfile "$scratch/broken"
cd "$scratch/broken"
sed 's|^/\* Queues one message|/* Unlike sluice_channel_gone, queues one message|' include/sluice/channel.h >channel.h
! cmp -s channel.h include/sluice/channel.h || fail 'the comment that this test changes is not there'
mv channel.h include/sluice/channel.h
! SLUICE_VERSION=0 SLUICE_DOCS=$scratch/out doxygen Doxyfile >"$scratch/log" 2>&1 || fail 'a comment with a name that is gone passes'
grep -q 'channel.h:[0-9]*: .*sluice_channel_gone' "$scratch/log" || { cat "$scratch/log"; fail 'the place is not named'; }
