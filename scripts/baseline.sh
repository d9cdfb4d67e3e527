# baseline.sh: for scripts that read bench/baseline.json, or the file that BASELINE names.
baseline=${BASELINE:-bench/baseline.json}

# The N with which the baseline counted a case; nothing when it does not have it.
baseline_iterations() { # $1 bench, $2 case
	awk -v key="{\"bench\":\"$1\",\"case\":\"$2\"," 'index($0, key) == 1 {
		match($0, /"iterations":[0-9]+/); print substr($0, RSTART + 13, RLENGTH - 13) }' "$baseline" 2>/dev/null
}
