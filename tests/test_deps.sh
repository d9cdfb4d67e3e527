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

# Where all that is needed is there, what is optional may fail to install.
[ "$(uname -m)" = x86_64 ] || exit 0
mkdir "$scratch/first"
printf '#!/bin/sh\ncase "$*" in *-lIPSec_MB*) exit 1 ;; esac\nexec %s "$@"\n' "$(command -v gcc)" >"$scratch/first/gcc"
printf '#!/bin/sh\necho "$*" >"%s/asked"\nexit 100\n' "$scratch" >"$scratch/first/apt-get"
printf '#!/bin/sh\necho a package\n' >"$scratch/first/apt-cache"
printf '#!/bin/sh\necho 0\n' >"$scratch/first/id"
chmod +x "$scratch/first"/*
code=0
PATH="$scratch/first:$PATH" sh scripts/deps >"$scratch/out" 2>&1 || code=$?
! grep -q '^scripts/deps: missing:$' "$scratch/out" || skip 'not everything is installed'
[ "$code" = 0 ] || { cat "$scratch/out"; fail 'an optional package is not optional'; }
grep -q 'install.*libipsec-mb-dev' "$scratch/asked" || { cat "$scratch/out"; fail 'it did not try to install what is optional'; }
grep -q 'going on without libipsec-mb-dev' "$scratch/out" || { cat "$scratch/out"; fail 'it does not say what is left out'; }
