#!/bin/sh
# Does scripts/deps, where it may not install, change nothing, name what is missing, and give the one line to type?
. "$(dirname "$0")/script.sh"

# A PATH with no compiler, no sudo, a user who is not root, and an apt-get that must not be called to install.
mkdir "$scratch/bin"
for tool in sh sed cut tr head mktemp rm cat; do
	ln -s "$(command -v $tool)" "$scratch/bin/$tool"
done
printf '#!/bin/sh\necho 1000\n' >"$scratch/bin/id"
printf '#!/bin/sh\n: >"%s/called"\n' "$scratch" >"$scratch/bin/apt-get"
printf '#!/bin/sh\n' >"$scratch/bin/apt-cache"
chmod +x "$scratch/bin"/id "$scratch/bin"/apt-*

code=0
env PATH="$scratch/bin" sh scripts/deps >"$scratch/out" 2>"$scratch/err" || code=$?
[ "$code" = 1 ] || { cat "$scratch/out" "$scratch/err"; fail "exit code $code, expected 1"; }
[ ! -e "$scratch/called" ] || fail 'it called apt-get'
grep -q '^  build-essential ' "$scratch/out" || { cat "$scratch/out"; fail 'build-essential is not named as missing'; }
grep -q "^  su - -c 'apt-get update && apt-get install .*libssl-dev.*'$" "$scratch/err" || { cat "$scratch/err"; fail 'no line to type'; }
