/* Bounds at their edges: windows smaller than what one chunk takes. */
#include "suite.h"

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/pair.h"

/* ---- windows ---- */

/* The first message of a stream takes the stream's memory too: thousands of bytes for one of payload. */
START_TEST(test_small_messages_on_many_streams_do_not_shut_a_small_window) {
	static const uint32_t windows[] = {4096, 8192, 32768};
	for (unsigned i = 0; i < sizeof windows / sizeof *windows; i++) {
		struct pair_config c;
		pair_config_init(&c);
		c.no_record = true;
		c.b.receive_window = windows[i];
		c.b.max_message_size = 1000;
		struct pair p;
		pair_start(&p, &c);
		for (unsigned n = 0; n < 100; n++) {
			pair_send(&p, p.a, (uint16_t)(33 * n), 1);
			sim_run(&p.sim, p.sim.now + 50 * SLUICE_MS);
			ck_assert_uint_gt(sctp_host_stats(p.b).local_window, 0);
		}
		pair_deliver(&p, SLUICE_S);
		ck_assert_uint_eq(sctp_host_stats(p.a).window_probes, 0);
		pair_free(&p);
	}
}
END_TEST

SUITE("sctp bounds", test_small_messages_on_many_streams_do_not_shut_a_small_window)
