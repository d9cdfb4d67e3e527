#!/bin/sh
# Does scripts/check-debian say plainly what is wrong with how it was called, before it touches anything?
. "$(dirname "$0")/script.sh"

# A PATH on which every command that would begin the work leaves a mark instead.
mkdir "$scratch/bin"
for tool in bash sh env cat dirname mkdir realpath sed; do
	ln -s "$(command -v $tool)" "$scratch/bin/$tool"
done
for tool in apt-get apt-config debootstrap unshare setpriv git flock; do
	printf '#!/bin/sh\n: >"%s/called"\nexit 1\n' "$scratch" >"$scratch/bin/$tool"
done
printf '#!/bin/sh\necho ${USER_ID-0}\n' >"$scratch/bin/id"
chmod +x "$scratch/bin"/*

says() { # $1 exit code, $2 words, the rest: arguments
	expected=$1 words=$2 code=0
	shift 2
	env PATH="$scratch/bin" DEBIAN_ROOTS="$scratch/roots" scripts/check-debian "$@" >"$scratch/said" 2>&1 || code=$?
	[ "$code" = "$expected" ] || { cat "$scratch/said"; fail "exit code $code, expected $expected: $*"; }
	grep -qF -e "$words" "$scratch/said" || { cat "$scratch/said"; fail "it does not say '$words': $*"; }
}
nothing_done() {
	[ ! -e "$scratch/called" ] && [ ! -e "$scratch/roots" ] || fail 'it began to work'
}

says 0 'usage: scripts/check-debian [--work-tree | --prepare] SUITE' --help
says 0 'usage: scripts/check-debian [--work-tree | --prepare] SUITE' -h
says 2 'which suite? trixie, sid or experimental'
says 2 'which suite? trixie, sid or experimental' --work-tree
says 2 'which suite? trixie, sid or experimental' --prepare
says 2 'there is no suite buster' buster
says 2 'there is no suite ../trixie' ../trixie
says 2 'there is no option --tree' --tree trixie
export USER_ID=1000
says 1 'only root may make a root folder; as another user type: sudo scripts/check-debian sid' sid WERROR=1
says 1 'only root may make a root folder' --work-tree trixie
nothing_done

# The commands that must not be called do leave their mark.
USER_ID=0
says 1 'this folder is not in git' trixie
[ -e "$scratch/called" ] || fail 'root was refused too'
