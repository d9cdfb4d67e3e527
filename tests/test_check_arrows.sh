#!/bin/sh
# Can scripts/check-arrows fail? Each line below is a file and one line of C that breaks an arrow; a tree with nothing but
# that line must be refused at that place, and a tree of lines that only look like it must pass.
. "$(dirname "$0")/script.sh"

count=0
plant() { # $1 file, $2 line
	rm -rf "$scratch/tree"
	mkdir -p "$scratch/tree/include/sluice" "$scratch/tree/src" "$(dirname "$scratch/tree/$1")"
	printf '/* a file\n * of two lines */\n%s\n' "$2" >"$scratch/tree/$1"
}
refused() {
	count=$((count + 1))
	plant "$1" "$2"
	if scripts/check-arrows "$scratch/tree" >"$scratch/said" 2>&1; then fail "$1 may say: $2"; fi
	grep -q "^$1:[13]: " "$scratch/said" || { cat "$scratch/said"; fail "$1:3 was not named for: $2"; }
}
accepted() {
	count=$((count + 1))
	plant "$1" "$2"
	scripts/check-arrows "$scratch/tree" >"$scratch/said" 2>&1 || { cat "$scratch/said"; fail "$1 may not say: $2"; }
}

refused src/base/a.c '#include "pool/env.h"'
refused src/pool/a.c '#include "crypto/crypto.h"'
refused src/crypto/a.c '#include "wire/wire.h"'
refused src/wire/a.c '#include "sctp/association.h"'
refused src/sctp/a.h '#include "dcep/dcep.h"'
refused src/dcep/a.c '#include "peer/peer.h"'
refused src/dtls/a.c '#include "sctp/association.h"'
refused src/sctp/a.c '#include "dtls/dtls.h"'
refused src/ice/a.c '#include "sdp/sdp.h"'
refused src/rtp/a.c '#include "dcep/dcep.h"'
refused src/peer/a.c '#include "loop/loop.h"'
refused src/peer/a.c '#include "io/udp.h"'
refused src/io/a.c '#include "peer/peer.h"'
refused src/loop/a.c '#include "tools/tool.h"'
refused src/somewhere/a.c 'int x;'
refused include/sluice/a.h '#include "base/bytes.h"'
refused include/sluice.h '#include "wire/wire.h"'
refused src/wire/a.c '#include "tests/sim/world.h"'
refused src/tools/a.c '#include "bench/harness.h"'
refused src/loop/a.c '#include "fuzz/replay.h"'
refused src/loop/a.c '#include "../peer/peer.h"'
refused src/loop/a.c '#include <openssl/ssl.h>'
refused src/sctp/a.c '#include <openssl/hmac.h>'
refused src/peer/a.c '#include <ev.h>'
refused src/dcep/a.c '#include <netdb.h>'
refused src/peer/a.c '	int fd = socket(AF_INET, SOCK_DGRAM, 0);'
refused src/dtls/a.c '	n = recvmsg(fd, &m, 0);'
refused src/sctp/a.c '	if (sendmsg(fd, &m, 0) < 0)'
refused src/sctp/a.c '	clock_gettime(CLOCK_MONOTONIC, &t);'
refused src/wire/a.c '	gettimeofday(&t, NULL);'
refused src/base/a.c '	now = time(NULL);'
refused src/base/a.c '	p = malloc(3);'
refused src/sctp/a.c '	p = x ? calloc(1, 3) : realloc(p, 9);'
refused src/pool/block.c '	free(p);'
refused src/dcep/a.c '	s = strdup(label);'
refused src/sctp/tx/cc_newreno.c '#include "sctp/association.h"'
refused src/sctp/tx/cc.h '	void (*on_ack)(struct sluice_sctp *a);'
refused src/sctp/tx/sched_rr.c '	sluice_sctp *a;'
refused src/dtls/a.c '#include "base/crc32c_tables.h"'
refused src/sctp/a.c '#include "pool/block.h"'
refused src/peer/a.c '#include "sctp/cookie.h"'
refused src/peer/a.h '#include "sctp/tx/outgoing.h"'
refused src/sctp/a.c '#include "sctp/rx/message.h"'
refused src/peer/a.c '#include "dcep/held.h"'
refused src/loop/a.c '#include "dtls/connection.h"'
refused src/peer/a.c '#include "ice/agent.h"'
refused src/loop/a.c '#include "sdp/attributes.h"'
refused src/loop/a.c '#include "peer/connection.h"'
refused src/tools/a.c '#include "loop/loop.h"'
refused src/tools/serve/a.c '#include "tools/link/stripe.h"'
refused src/peer/a.c '#include "sctp/association.h"'
refused src/wire/wire.h 'int a_door_that_nobody_opens;'
refused src/sctp/tx/a.c '#include "sctp/association.h"'
refused src/sctp/tx/a.h '#include "sctp/rx/tsnmap.h"'
refused src/sctp/rx/a.c '#include "sctp/tx/sender.h"'
refused src/sctp/rx/a.h '#include "sctp/cookie.h"'
refused src/sctp/tx/a.h '	struct sluice_sctp *association;'
refused src/sctp/rx/a.c '	const sluice_sctp *a;'

accepted src/wire/a.c '#include "pool/env.h"'
accepted src/sctp/a.c '#include "wire/wire.h"'
accepted src/peer/a.c '#include "dtls/dtls.h"'
accepted src/loop/a.c '#include <ev.h>'
accepted src/loop/a.c '	clock_gettime(CLOCK_MONOTONIC, &t);'
accepted src/io/a.c '	n = recvmsg(fd, &m, 0);'
accepted src/tools/a.c '	p = malloc(3);'
accepted src/pool/env.c '	return malloc(size);'
accepted src/crypto/a.c '#include <openssl/evp.h>'
accepted src/dtls/a.c '#include <openssl/ssl.h>'
accepted include/sluice/env.h '#include <sys/socket.h>'
accepted src/peer/a.c '	/* nobody calls malloc(3) or time() here */'
accepted src/peer/a.c '	puts("socket() and free()");'
accepted src/pool/a.c '	allocator->free(ctx, p);'
accepted src/pool/a.c '	pool.allocator.free(ctx, p); other.connect(x);'
accepted src/sctp/a.c '	run_time(x); sctp_send(a); lifetime(b);'
accepted src/sctp/association.c '	struct sluice_sctp *a;'
accepted src/sctp/tx/cc_newreno.c '#include "sctp/tx/cc.h"'
accepted src/dtls/a.c '#include "base/wipe.h"'
accepted src/pool/a.c '#include "pool/block.h"'
accepted src/sctp/a.c '#include "sctp/tx/sender.h"'
accepted src/sctp/rx/a.c '#include "sctp/rx/receiver.h"'
accepted src/sctp/tx/a.h '#include "sctp/events.h"'
accepted src/sctp/rx/a.c '#include "sctp/trace.h"'
accepted src/sctp/rx/a.c '#include "sluice/sctp.h"'
accepted src/sctp/rx/a.c '	struct sluice_sctp_config *config; /* not a sluice_sctp */'
accepted src/tools/serve/a.c '#include "tools/serve/room.h"'

scripts/check-arrows || fail 'the tree itself'
echo "$count lines"
