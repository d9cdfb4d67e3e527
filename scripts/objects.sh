# objects.sh: for scripts that read the objects of src/. Changes into the tree and sets `objects`, one for each source that is
# there now; ends the script when an object is missing or older than its source.
#
# The environment: OUT is the build to read (default build/gcc), TREE the tree that holds src/.
set -eu
export LC_ALL=C
script=$(basename "$0")
cd "${TREE:-$(dirname "$0")/..}"
OUT=${OUT:-build/gcc}

objects=()
while read -r source; do
	object=$OUT/obj/${source%.c}.o
	[ -e "$object" ] || { echo "$script: $object is missing; run make"; exit 2; }
	[ ! "$source" -nt "$object" ] || { echo "$script: $source is newer than its object; run make"; exit 2; }
	objects+=("$object")
done < <(find src -name '*.c' | sort)
