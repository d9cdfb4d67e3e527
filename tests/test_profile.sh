#!/bin/sh
# Do scripts/fold, flamegraph, profile-table, profile and bloat say what a profiler, a heap profiler and the objects hold?
. "$(dirname "$0")/script.sh"

command -v python3 >/dev/null || skip 'python3 is not installed'
out=$scratch/out
err=$scratch/err

# $1: exit code, $2: words on standard error, the rest: a command
refuses() {
	expected=$1 words=$2
	shift 2
	code=0
	"$@" >"$out" 2>"$err" </dev/null || code=$?
	[ "$code" = "$expected" ] && grep -q -- "$words" "$err" || { cat "$out" "$err"; fail "$*: exit code $code"; }
}
for tool in fold flamegraph profile-table profile bloat; do
	scripts/$tool --help >"$out" || fail "$tool --help"
	grep -q "$tool" "$out" || fail "$tool --help does not name it"
	refuses 2 usage scripts/$tool
	refuses 2 usage scripts/$tool --nonsense
done

# What callgrind writes: names are given once, a context names its callers, the line behind calls= is the callee's cost.
cat >"$scratch/callgrind" <<'END'
version: 1
events: Ir
ob=(1) /usr/bin/program
fl=(1) main.c
fn=(1) main
3 10
cfn=(2) work'main
calls=4 7
4 400
fn=(2)
7 100
8 50
cob=(2) /usr/lib/x86_64-linux-gnu/libcrypto.so.3
cfn=(3) seal.part.0'work'main
calls=1 1
9 250
ob=(2)
fn=(3)
1 250
END
scripts/fold callgrind "$scratch/callgrind" >"$scratch/new"
printf 'main 10\nmain;work 150\nmain;work;seal_[cipher] 250\n' >"$scratch/expected"
diff "$scratch/expected" "$scratch/new" || fail 'fold callgrind'

# What massif writes: only the peak's tree counts. Who asked holds the memory, not the allocator.
cat >"$scratch/massif" <<'END'
snapshot=1
heap_tree=detailed
n1: 50 (heap allocation functions) malloc/new/new[], --alloc-fns, etc.
 n0: 50 0x1: early (a.c:1)
snapshot=2
heap_tree=peak
n2: 1000 (heap allocation functions) malloc/new/new[], --alloc-fns, etc.
 n1: 900 0x1: env_alloc (env.c:7)
  n1: 800 0x2: peer_new (peer.c:9)
   n0: 800 0x3: main (main.c:1)
 n0: 100 in 3 places, all below massif's threshold (1.00%)
END
scripts/fold massif "$scratch/massif" >"$out"
printf 'env_alloc 100\nmain;peer_new 800\nsmall_ones 100\n' >"$scratch/expected"
diff "$scratch/expected" "$out" || fail 'fold massif'

# 410 in all: main 10, work 150, seal 250.
scripts/profile-table --each 82 "$scratch/new" >"$out"
grep -q '^ 60.98% *50.00 *60.98% *seal_\[cipher\]$' "$out" && grep -q '^ 36.59% *30.00 *97.56% *work$' "$out" || { cat "$out"; fail 'profile-table'; }
printf 'main 205\nmain;work 205\n' >"$scratch/old"
scripts/profile-table --diff "$scratch/old" "$scratch/new" >"$out"
sed -n 2p "$out" | grep -q '+60.98%  seal_' || { cat "$out"; fail 'profile-table --diff: the greatest change is not the first'; }

printf 'main;a<b 1\n' >>"$scratch/new"
scripts/flamegraph --title 'a & b' --unit ns --each 100 "$scratch/new" >"$scratch/g.svg"
scripts/flamegraph --diff "$scratch/old" "$scratch/new" >"$scratch/d.svg"
python3 - "$scratch/g.svg" "$scratch/d.svg" <<'END' || fail 'flamegraph'
import sys, xml.etree.ElementTree as tree
name = "{http://www.w3.org/2000/svg}"
def titles(path):
    return [t.text for t in tree.parse(path).iter(name + "title")]
plain, compared = titles(sys.argv[1]), titles(sys.argv[2])
assert any(t.startswith("seal_[cipher]: 60.83%, 60.83 ns each") for t in plain), plain
assert any(t.startswith("a<b: ") for t in plain), plain
assert any(t.startswith("main: 100.00%, +0.00 points") for t in compared), compared
# A box is as wide as its share of 1,180.
boxes = {g.find(name + "title").text.split(":")[0]: float(g.find(name + "rect").get("width")) for g in tree.parse(sys.argv[1]).iter(name + "g")}
assert abs(boxes["seal_[cipher]"] - 1180 * 250 / 411) < 1, boxes
END
refuses 1 'holds no stacks' scripts/flamegraph /dev/null

# One function grows by a known array, another file is new.
for side in before after; do mkdir -p "$scratch/$side/src/sctp" "$scratch/$side/src/tools"; done
printf 'const char table[100] = {1};\n' | ${CC:-gcc} -xc -c - -o "$scratch/before/src/sctp/a.o"
printf 'const char table[164] = {1};\n' | ${CC:-gcc} -xc -c - -o "$scratch/after/src/sctp/a.o"
printf 'char tool[999];\n' | ${CC:-gcc} -xc -c - -o "$scratch/after/src/tools/t.o"
scripts/bloat "$scratch/after" "$scratch/before" >"$out"
grep -q '^sctp .* 164 *+64$' "$out" && grep -q '^ *+64 *164  table (sctp/a)$' "$out" && ! grep -q tool "$out" || { cat "$out"; fail 'bloat'; }
refuses 1 'no objects' scripts/bloat "$scratch"

# A whole run, on what the suite built.
[ -z "${SAN-}" ] || exit 0
command -v valgrind >/dev/null || exit 0
mkdir "$scratch/profile"
ln -s "$(realpath "$OUT")/bench" "$scratch/profile/bench"
OUT=$scratch/profile scripts/profile --callgrind --case '1188 bytes, tables' crc32c >"$out" 2>"$err" || { cat "$out" "$err"; fail 'profile'; }
grep -q '%.*table_extend' "$out" && [ -s "$(ls "$scratch"/profile/*.svg)" ] || { cat "$out"; fail 'profile does not name what was measured'; }
OUT=$scratch/profile refuses 1 'no case' scripts/profile --case nonsense crc32c
OUT=$scratch/profile refuses 1 'runs as a whole' scripts/profile --case nonsense endpoint
