/* The path of a direct peer: is what comes sorted into spans of one protocol, and who may speak? */
#include "peer/underlay.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "peer/path.h"
#include "suite.h"

#define RECORD_SIZE 13

struct rig {
	sluice_env *env;
	struct underlay u;
	uint8_t bytes[8][RECORD_SIZE];
	sluice_datagram datagrams[8];
};

static sluice_path path_to(uint16_t port) {
	sluice_path path = {.remote_len = sizeof(struct sockaddr_in)};
	*(struct sockaddr_in *)&path.remote = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	return path;
}

static void rig_init(struct rig *r, const sluice_path *path) {
	*r = (struct rig){0};
	ck_assert_int_eq(sluice_env_new(NULL, &r->env), 0);
	underlay_direct_init(&r->u, r->env, path);
}

static void rig_free(struct rig *r) {
	ck_assert(underlay_check(&r->u));
	underlay_free(&r->u);
	sluice_env_free(r->env);
}

/* Datagrams that begin with these bytes. */
static struct underlay_input input_of(struct rig *r, const sluice_path *path, const uint8_t *first, size_t count) {
	for (size_t i = 0; i < count; i++) {
		r->bytes[i][0] = first[i];
		r->bytes[i][1] = 254;
		r->datagrams[i] = (sluice_datagram){.data = r->bytes[i], .len = RECORD_SIZE};
	}
	struct underlay_input in;
	underlay_begin(&in, path, r->datagrams, count);
	return in;
}

static void span_is(struct rig *r, struct underlay_input *in, enum packet_kind kind, size_t first, size_t count) {
	struct underlay_span span;
	ck_assert(underlay_next(&r->u, in, &span, 0));
	ck_assert_int_eq(span.kind, kind);
	ck_assert_ptr_eq(span.datagrams, r->datagrams + first);
	ck_assert_uint_eq(span.count, count);
	ck_assert_ptr_eq(span.path, in->path);
}

static void nothing_is_left(struct rig *r, struct underlay_input *in) {
	struct underlay_span span;
	ck_assert(!underlay_next(&r->u, in, &span, 0));
}

START_TEST(test_neighbours_of_one_protocol_make_one_span) {
	struct rig r;
	sluice_path path = path_to(1);
	rig_init(&r, &path);
	struct underlay_input in = input_of(&r, &path, (uint8_t[]){22, 23, 63, 128, 0, 23, 255}, 7);
	span_is(&r, &in, PACKET_DTLS, 0, 3);
	span_is(&r, &in, PACKET_RTP, 3, 1);
	span_is(&r, &in, PACKET_STUN, 4, 1);
	span_is(&r, &in, PACKET_DTLS, 5, 1);
	span_is(&r, &in, PACKET_UNKNOWN, 6, 1);
	nothing_is_left(&r, &in);
	rig_free(&r);
}
END_TEST

START_TEST(test_a_path_is_learnt_from_the_first_record_and_from_nothing_else) {
	struct rig r;
	sluice_path nobody = {0}, stranger = path_to(2), path = path_to(1);
	rig_init(&r, &nobody);
	ck_assert(!underlay_can_start(&r.u, false) && underlay_can_start(&r.u, true));
	struct underlay_input in = input_of(&r, &stranger, (uint8_t[]){0, 128}, 2);
	span_is(&r, &in, PACKET_UNKNOWN, 0, 1);
	span_is(&r, &in, PACKET_UNKNOWN, 1, 1);
	in = input_of(&r, &path, (uint8_t[]){22}, 1);
	span_is(&r, &in, PACKET_DTLS, 0, 1);
	ck_assert(path_equal(&r.u.path, &path) && underlay_can_start(&r.u, false));
	in = input_of(&r, &stranger, (uint8_t[]){22}, 1);
	span_is(&r, &in, PACKET_UNKNOWN, 0, 1);
	rig_free(&r);
}
END_TEST

START_TEST(test_once_dtls_is_up_the_path_follows_records_that_were_genuine) {
	struct rig r;
	sluice_path path = path_to(1), moved = path_to(2);
	rig_init(&r, &path);
	underlay_secured(&r.u, true);
	struct underlay_input in = input_of(&r, &moved, (uint8_t[]){23}, 1);
	span_is(&r, &in, PACKET_DTLS, 0, 1);
	ck_assert(path_equal(&r.u.path, &path));
	ck_assert(underlay_proved(&r.u, &moved, 0) && !underlay_proved(&r.u, &moved, 0) && !underlay_proved(&r.u, NULL, 0));
	ck_assert(path_equal(&r.u.path, &moved) && underlay_admits(&r.u, &moved) && !underlay_admits(&r.u, &path));
	rig_free(&r);
}
END_TEST

SUITE("underlay", test_neighbours_of_one_protocol_make_one_span,
      test_a_path_is_learnt_from_the_first_record_and_from_nothing_else,
      test_once_dtls_is_up_the_path_follows_records_that_were_genuine)
