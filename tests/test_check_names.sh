#!/bin/sh
# Can scripts/check-names fail? Each line below is a file and a function in it, which must be refused or accepted.
. "$(dirname "$0")/script.sh"

tree=$scratch/tree
count=0

check() {
	count=$((count + 1))
	TREE=$tree OUT=build scripts/check-names "$@" >"$scratch/said" 2>&1
}
plant() { # $1 file, $2 function, the rest is the list
	rm -rf "$tree"
	mkdir -p "$(dirname "$tree/src/$1")" "$(dirname "$tree/build/obj/src/$1")" "$tree/scripts"
	printf 'static void hidden(void) {}\nvoid %s(void) { hidden(); }\n' "$2" >"$tree/src/$1"
	$CC -c "$tree/src/$1" -o "$tree/build/obj/src/${1%.c}.o"
	shift 2
	printf '%s\n' '# The page.' "$@" >"$tree/scripts/names"
}
refused() {
	plant "$@"
	if check; then fail "$1 may define $2()"; fi
}
accepted() {
	plant "$@"
	check || { cat "$scratch/said"; fail "$1 may not define $2()"; }
}

refused ice/agent.c settle
refused ice/agent.c iced
refused ice/agent.c agentless_new
refused ice/agent.c new_agent
refused ice/turn_peers.c queue_drop
refused tools/serve/store.c incoming_add
refused tools/serve/store.c src_open

accepted ice/agent.c agent_new
accepted ice/agent.c ice_new
accepted ice/agent.c sluice_ice_new
accepted ice/turn_peers.c turn_peers_drop
accepted ice/turn_peers.c turn_forget
accepted ice/turn_peers.c peer_find
accepted ice/turn_peers.c peers_drop
accepted ice/check.c checks_run
accepted tools/serve/store.c store_open
accepted tools/serve/store.c serve_store_open
accepted tools/serve/store.c tools_open
accepted tools/main.c main

# The list allows, and may only shrink.
accepted ice/agent.c settle 'src/ice/agent.c settle'
refused ice/agent.c settle 'src/ice/checks.c settle'
refused ice/agent.c agent_new 'src/ice/agent.c settle'
grep -qF 'is no longer needed' "$scratch/said" || fail 'it did not say what is no longer needed'
check --write || fail '--write'
check || fail 'after --write'
refused ice/agent.c settle
if check --write; then fail '--write let a new one in'; fi

echo "$count functions"
