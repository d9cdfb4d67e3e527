/* script_open: the first steps of an association whose peer is a script, with assertions. */
#ifndef SCRIPT_OPEN_H
#define SCRIPT_OPEN_H

#include "suite.h"

#include "sim/script.h"

/* Connects, and takes the tag and the TSN of the INIT. Nothing is answered yet. */
static inline void script_open_until_init(struct script *s) {
	struct wire_chunk c;
	struct wire_init init;
	ck_assert_int_eq(sluice_sctp_connect(s->sctp), 0);
	script_collect(s);
	ck_assert_ptr_nonnull(script_expect(s, WIRE_INIT, &c));
	ck_assert_int_eq(wire_init_read(&c, &init), 0);
	s->remote_tag = init.tag;
	s->remote_tsn = init.tsn;
}

#endif
