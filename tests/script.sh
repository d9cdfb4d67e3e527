# script.sh: what every tests/test_*.sh begins with. `make check` tells by the environment which build is tested; run by
# hand, a script tests the default one.
set -eu
cd "$(dirname "$0")/.."
CC=${CC:-gcc}
OUT=${OUT:-build/gcc}
SAN_FLAGS=${SAN_FLAGS-}
if [ -e /usr/include/intel-ipsec-mb.h ]; then
	ipsec_mb=-lIPSec_MB
fi
LIBS=${LIBS:--lssl -lcrypto -lev -lcares -lmimalloc ${ipsec_mb-} -lm}
MAKE=${MAKE:-make}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP # without it a shell that is told to end leaves the folder behind

fail() {
	echo "failed: $*"
	exit 1
}
skip() {
	echo "$*"
	exit 77
}
