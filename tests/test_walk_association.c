/* The hand-over of what the association itself has: its configuration, and the state of RFC 6525. Every field is carried, or is
 * listed here with the reason why it is not. */
#include "sctp/association.h"
#include "sctp/config.h"
#include "suite.h"
#include "walk_kit.h"

static void walk_config(void *object, struct walk *w) {
	config_walk(object, w);
}

START_TEST(test_the_configuration_is_carried) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	WALK_KIT_CARRIES(sluice_sctp_config, &c, walk_config, LEFT_OUT(sluice_sctp_config, size, "another size is refused"));
}
END_TEST

static sluice_env *env;

/* The fields that are numbers go through an association that has nothing in line. */
static void walk_reconfig(void *object, struct walk *w) {
	struct reconfig *r = object;
	sluice_sctp *a;
	ck_assert_int_eq(sluice_sctp_new(env, NULL, &a), 0);
	a->reconfig = *r;
	a->reconfig.deferred_count = 0;
	reconfig_walk(a, w);
	*r = a->reconfig;
	a->reconfig = (struct reconfig){0};
	sluice_sctp_free(a);
}

START_TEST(test_the_numbers_of_reconfig_are_carried) {
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	struct reconfig r = {0};
	const char *list = "put in again, stream by stream; test_handover_states compares them";
	WALK_KIT_CARRIES(struct reconfig, &r, walk_reconfig, LEFT_OUT(struct reconfig, wanted, list),
	                 LEFT_OUT(struct reconfig, asked, list), LEFT_OUT(struct reconfig, requests, list),
	                 LEFT_OUT(struct reconfig, request_count, list), LEFT_OUT(struct reconfig, request_capacity, list),
	                 LEFT_OUT(struct reconfig, request_asked, "more than are in line are refused"),
	                 LEFT_OUT(struct reconfig, taken, "of an input() under way"),
	                 LEFT_OUT(struct reconfig, deferred_streams, list), LEFT_OUT(struct reconfig, deferred_count, list));
	sluice_env_free(env);
}
END_TEST

static void walk_association(void *object, struct walk *w) {
	association_walk(object, w);
}

#define OUT(field, why) LEFT_OUT(struct sluice_sctp, field, why)

START_TEST(test_the_fields_of_the_association_are_carried) {
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	sluice_sctp *a;
	ck_assert_int_eq(sluice_sctp_new(env, NULL, &a), 0);
	static struct sluice_sctp valid;
	valid = *a;
	valid.state = SLUICE_SCTP_ESTABLISHED;
	const char *walk = "has a walk of its own", *event = "events are put in again", *place = "the new place's";
	const char *shake = "of a handshake, which is over";
	WALK_KIT_CARRIES(struct sluice_sctp, &valid, walk_association, OUT(env, place), OUT(config, walk),
	                 OUT(state, "states of a handshake are refused"), OUT(dirty, "it is so behind an import"),
	                 OUT(described, shake), OUT(handed_over, "of the one that stays behind"),
	                 OUT(clock, "follows from the new place's clock"), OUT(latest, "follows from the new place's clock"),
	                 OUT(owner_time, place), OUT(trace, place), OUT(echo, shake), OUT(echo_len, shake),
	                 OUT(cookie_preservative, shake), OUT(stale_cookies, shake), OUT(t1_retries, shake), OUT(tx, walk),
	                 OUT(rx, walk), OUT(reconfig, walk), OUT(replies, "the peer asks again"),
	                 OUT(replies_tail, "the peer asks again"), OUT(reply_count, "the peer asks again"), OUT(events, event),
	                 OUT(connected, event), OUT(ended, event), OUT(restarted, event), OUT(streams_added, event),
	                 OUT(reset_out_all, event), OUT(renumbered, event), OUT(error, "of an association that has ended"),
	                 OUT(error_text, "of an association that has ended"), OUT(wake, place), OUT(wake_ctx, place));
	sluice_sctp_free(a);
	sluice_env_free(env);
}
END_TEST

SUITE("walk_association", test_the_configuration_is_carried, test_the_numbers_of_reconfig_are_carried,
      test_the_fields_of_the_association_are_carried)
