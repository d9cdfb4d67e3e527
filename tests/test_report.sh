#!/bin/sh
# Is the page of scripts/report whole in itself, whatever the history holds? What it looks like is seen by the interop suite, in
# browsers.
. "$(dirname "$0")/script.sh"

command -v python3 >/dev/null 2>&1 || skip 'python3 is not installed'
page=$scratch/out/page.html
history=$scratch/history
mkdir "$history" "$scratch/profile"

make_page() {
	scripts/report --out "$page" --profile "$scratch/profile" "$history" "$scratch/not there" >"$scratch/said"
	[ "$(cat "$scratch/said")" = "$1: $page" ] || { cat "$scratch/said"; fail "it does not say: $1"; }
}
# The data of the page, as Python sees it: $1 an expression that has to be true.
holds() {
	python3 - "$page" "$1" <<-'END' || fail "not so: $1"
	import json, re, sys
	html = open(sys.argv[1], encoding="utf-8").read()
	data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])
	one = {(line["case"], line["machine"]): line for line in data["series"]}
	sys.exit(not eval(sys.argv[2]))
	END
}
entry() {
	printf '{"commit":"%s","date":"%s","cpu":"A","compiler":"gcc 12","openssl":"OpenSSL 3.0","bench":"crc32c","case":"1200 bytes",' "$1" "$2"
	printf '"metric":"time","unit":"ns","value":%s,"low":%s,"high":%s,"n":5%s}\n' "$3" "$3" "$3" "${4:+,$4}"
}

make_page '0 figures of 0 runs, and 0 flame graphs'
holds 'data["series"] == [] and data["runs"] == [] and data["machines"] == []'

{
	entry bbb 2026-01-02 130
	entry aaa 2026-01-01 100
	entry ccc 2026-01-03 131
	entry ccc 2026-01-03 50 '"cpu":"B"'
	entry ccc 2026-01-03 20 '"case":"</script><script>alert(1)</script><!--","curve":[[0,1],[1,20]]'
	entry ccc 2026-01-03 29 '"bench":"peers","case":"16 KiB","unit":"Gbit/s","stack":"pion","version":"v4"'
} >"$history/a.jsonl"
printf '<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>' >"$scratch/profile/perf.svg"
echo 'no graph' >"$scratch/profile/perf.folded"
make_page '4 figures of 3 runs, and 1 flame graphs'
holds '[run["commit"] for run in data["runs"]] == ["aaa", "bbb", "ccc"]'
holds 'one["1200 bytes", 0]["points"] == [[0, 100, 100, 100, 5], [1, 130, 130, 130, 5], [2, 131, 131, 131, 5]]'
holds 'one["1200 bytes", 0]["worse"] == [1]'
holds 'one["1200 bytes", 1]["points"] == [[2, 50, 50, 50, 5]] and data["machines"][1]["cpu"] == "B"'
holds 'one["</script><script>alert(1)</script><!--", 0]["curve"] == [[0, 1], [1, 20]]'
holds 'one["16 KiB", 0]["group"] == "peers" and one["16 KiB", 0]["stack"] == "pion" and one["16 KiB", 0]["version"] == "v4"'
holds '[profile["name"] for profile in data["profiles"]] == ["perf"] and "<script>" in data["profiles"][0]["svg"]'

# Nothing ends its scripts but their own ends, and nothing is loaded from anywhere.
[ "$(grep -o '</script' "$page" | wc -l)" = 2 ] || fail 'text of the data ends a script'
grep -nE '(src|href)="[^#d]|@import|url\(' "$page" && fail 'the page loads something'
grep -q "default-src 'none'" "$page" || fail 'the page may load something'
for mark in CSS DATA SCRIPTS MADE; do grep -q "<!--$mark-->" "$page" && fail "$mark was not filled in"; done
exit 0
