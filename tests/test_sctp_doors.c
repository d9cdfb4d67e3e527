/* The doors of an association: which packets it lets in. RFC 9260, 8.4 (out of the blue), 8.5 and 8.5.1 (verification tags), 6.10
 * (bundling), as one table: each chunk type in each state under each kind of tag. */
#include "suite.h"

#include "sim/packets.h"
#include "sim/script.h"

#define STATES 8
#define STRANGE_TAG 0x0badcafeu

enum tag { RIGHT, WRONG, ZERO, REFLECTED, TAGS };
static const char *const tag_names[TAGS] = {"right", "wrong", "zero", "reflected"};

/* ---- a chunk of each type ---- */

static void write_param_chunk(struct writer *w, uint8_t type, uint16_t param, size_t len) {
	uint8_t value[8] = {0};
	uint8_t *c = wire_chunk_begin(w, type, 0);
	wire_param_write(w, param, value, len);
	wire_chunk_end(w, c);
}

/* t: the T bit, in the two chunks that have it. */
static void write_chunk(struct script *s, struct writer *w, uint8_t type, bool t) {
	struct wire_sack sack = {.cum_tsn = s->remote_tsn - 1, .a_rwnd = 65536};
	struct wire_forward forward = {.cum_tsn = s->tsn - 1};
	switch (type) {
	case WIRE_DATA:
		script_data(w, s->tsn, 0, 0, WIRE_DATA_B | WIRE_DATA_E, 10);
		break;
	case WIRE_I_DATA:
		script_i_data(w, s->tsn, 0, 0, 0, WIRE_DATA_B | WIRE_DATA_E, 10);
		break;
	case WIRE_INIT:
	case WIRE_INIT_ACK:
		script_init_chunk(s, w, type, (const uint8_t *)"cookie--", 8);
		break;
	case WIRE_SACK:
		wire_sack_write(w, &sack);
		break;
	case WIRE_HEARTBEAT:
	case WIRE_HEARTBEAT_ACK:
		wire_heartbeat_write(w, type, "unasked-for info", 16);
		break;
	case WIRE_SHUTDOWN:
		wire_shutdown_write(w, s->remote_tsn - 1);
		break;
	case WIRE_ERROR:
		write_param_chunk(w, type, WIRE_CAUSE_UNRECOGNIZED_CHUNK, 4);
		break;
	case WIRE_FORWARD_TSN:
		wire_forward_write(w, &forward);
		break;
	case WIRE_I_FORWARD_TSN:
		wire_i_forward_write(w, &forward);
		break;
	case WIRE_RE_CONFIG:
		write_param_chunk(w, type, WIRE_PARAM_RECONFIG_RESPONSE, 8);
		break;
	case WIRE_PAD:
		wire_pad_write(w, 12);
		break;
	case WIRE_ABORT:
	case WIRE_SHUTDOWN_COMPLETE:
		wire_chunk_write(w, type, t ? WIRE_FLAG_T : 0, NULL, 0);
		break;
	case WIRE_SHUTDOWN_ACK:
	case WIRE_COOKIE_ACK:
		wire_chunk_write(w, type, 0, NULL, 0);
		break;
	default:
		wire_chunk_write(w, type, 0, "body", 4);
		break;
	}
}

/* ---- an association in each state ---- */

static void give(struct script *s, uint8_t type) {
	uint8_t space[200];
	struct writer w = script_begin(s, space, sizeof space);
	write_chunk(s, &w, type, false);
	script_give(s, &w);
}

static void open_and_send(struct script *s, bool send) {
	ck_assert(script_open_passive(s));
	if (send)
		ck_assert_int_eq(sluice_sctp_send(s->sctp, &(sluice_send_info){0}, "unacknowledged", 14), 0);
	script_collect(s);
}

/* Afterwards s->remote_tag is the association's tag, if it has one. */
static void enter(struct script *s, enum sluice_sctp_state state) {
	script_init(s, NULL);
	switch (state) {
	case SLUICE_SCTP_CLOSED:
		s->remote_tag = STRANGE_TAG + 1;
		break;
	case SLUICE_SCTP_COOKIE_WAIT:
		ck_assert(script_open_until_init(s));
		break;
	case SLUICE_SCTP_COOKIE_ECHOED:
		ck_assert(script_open_until_init(s));
		give(s, WIRE_INIT_ACK);
		break;
	case SLUICE_SCTP_ESTABLISHED:
		open_and_send(s, false);
		break;
	case SLUICE_SCTP_SHUTDOWN_PENDING:
	case SLUICE_SCTP_SHUTDOWN_SENT:
		open_and_send(s, state == SLUICE_SCTP_SHUTDOWN_PENDING);
		ck_assert_int_eq(sluice_sctp_shutdown(s->sctp), 0);
		script_collect(s);
		break;
	case SLUICE_SCTP_SHUTDOWN_RECEIVED:
	case SLUICE_SCTP_SHUTDOWN_ACK_SENT:
		open_and_send(s, state == SLUICE_SCTP_SHUTDOWN_RECEIVED);
		give(s, WIRE_SHUTDOWN);
		break;
	}
	ck_assert_int_eq(sluice_sctp_state(s->sctp), state);
	script_skip(s);
}

/* ---- what became of a packet, in one letter ----
 *
 *   -  the packet is discarded, and nothing said          A  the same, and answered with an ABORT that reflects its tag
 *   .  the chunk is discarded                             C  the same, with a SHUTDOWN COMPLETE that reflects it
 *   o  taken, and nothing said at once                    x  taken, and the association is over without a word
 *   e  taken, and the association is established          a  it is over, and an ABORT is sent; c: a SHUTDOWN COMPLETE
 *   and the answers of one that lives on:  I INIT ACK  E COOKIE ECHO  S SACK  D SHUTDOWN  K SHUTDOWN ACK  H HEARTBEAT ACK  R
 * ERROR */

static char answer_letter(struct script *s) {
	static const struct {
		uint8_t type;
		char letter;
	} answers[] = {
		{WIRE_INIT_ACK, 'I'}, {WIRE_COOKIE_ECHO, 'E'},   {WIRE_SHUTDOWN, 'D'}, {WIRE_SHUTDOWN_ACK, 'K'},
		{WIRE_SACK, 'S'},     {WIRE_HEARTBEAT_ACK, 'H'}, {WIRE_ERROR, 'R'},
	};
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		if (script_pending(s, answers[i].type))
			return answers[i].letter;
	return script_next(s) ? '?' : 0;
}

/* What is sent for an association that is gone, or never was: one chunk, alone. `reflected`: under the tag of the packet it
 * answers. */
static char farewell_letter(struct script *s, uint32_t given_tag, bool reflected) {
	const struct script_packet *p = script_next(s);
	struct wire_chunk c;
	if (!p)
		return 0;
	struct reader r = reader_of(p->bytes + WIRE_HEADER_SIZE, p->len - WIRE_HEADER_SIZE);
	if (script_next(s) || wire_chunk_next(&r, &c) != 1 || reader_left(&r) != 0 || (c.flags & WIRE_FLAG_T) != reflected ||
	    get_be32(p->bytes + 4) != (reflected ? given_tag : s->tag))
		return '?';
	return c.type == WIRE_ABORT ? 'A' : c.type == WIRE_SHUTDOWN_COMPLETE ? 'C' : '?';
}

static char lower(char c) {
	return c ? (char)(c | 0x20) : 0;
}

static char letter_of(struct script *s, enum sluice_sctp_state before, const sluice_sctp_stats *st, uint32_t given_tag) {
	sluice_sctp_stats now = script_stats(s);
	enum sluice_sctp_state after = sluice_sctp_state(s->sctp);
	char letter;
	if (now.packets_discarded != st->packets_discarded) {
		letter = farewell_letter(s, given_tag, true);
		return after != before || s->message_count || now.packets_discarded != st->packets_discarded + 1 ? '?'
		       : letter                                                                                  ? letter
		                                                                                                 : '-';
	}
	if (after == SLUICE_SCTP_CLOSED && before != after) {
		letter = lower(farewell_letter(s, given_tag, false));
		return letter ? letter : 'x';
	}
	letter = answer_letter(s);
	if (letter)
		return letter;
	if (after == SLUICE_SCTP_ESTABLISHED && before != after)
		return 'e';
	return now.chunks_discarded != st->chunks_discarded ? '.' : 'o';
}

static uint32_t tag_of(const struct script *s, enum tag tag) {
	return tag == RIGHT ? s->remote_tag : tag == WRONG ? STRANGE_TAG : tag == ZERO ? 0 : s->tag;
}

/* Gives chunks of these types in one packet. */
static char fate(enum sluice_sctp_state state, const uint8_t *types, size_t count, enum tag tag, bool t) {
	struct script s;
	uint8_t space[1500];
	enter(&s, state);
	sluice_sctp_stats before = script_stats(&s);
	s.remote_tag = tag_of(&s, tag);
	struct writer w = script_begin(&s, space, sizeof space);
	for (size_t i = 0; i < count; i++)
		write_chunk(&s, &w, types[i], t);
	script_give(&s, &w);
	char letter = letter_of(&s, state, &before, s.remote_tag);
	script_free(&s);
	return letter;
}

/* ---- the table ---- */

/* A letter for each state: CLOSED, COOKIE-WAIT, COOKIE-ECHOED, ESTABLISHED, SHUTDOWN-PENDING, -SENT, -RECEIVED, -ACK-SENT. In
 * PENDING and RECEIVED a chunk of ours is not acknowledged. The cookie is none of ours; what becomes of good ones the handshake's
 * tests tell.
 *
 * Under a wrong tag: 8.5: "the receiver MUST silently discard the packet". Zero: 8.5.1, A: the packet is an INIT alone or is
 * discarded silently. Reflected: the tag is the peer's own, and the T bit is set in chunks that have it (8.5.1, B and C). */
/* clang-format off */
static const struct row {
	uint8_t type;
	const char *under[TAGS];
} rows[] = {
	/*                         right       wrong       zero        reflected */
	{WIRE_DATA,               {"A..ooD..", "A-------", "--------", "A-------"}},
	{WIRE_INIT,               {"A-------", "A-------", "IIIIIIIK", "A-------"}},
	{WIRE_INIT_ACK,           {"AE......", "A-------", "--------", "A-------"}},
	{WIRE_SACK,               {"A.oooooo", "A-------", "--------", "A-------"}},
	{WIRE_HEARTBEAT,          {"A.HHHHHH", "A-------", "--------", "A-------"}},
	{WIRE_HEARTBEAT_ACK,      {"A.......", "A-------", "--------", "A-------"}},
	{WIRE_ABORT,              {"-xxxxxxx", "--------", "--------", "--xxxxxx"}},
	{WIRE_SHUTDOWN,           {"A..KoKoK", "A-------", "--------", "A-------"}},
	{WIRE_SHUTDOWN_ACK,       {"CCC..c.c", "CCC-----", "--------", "CCC-----"}},
	{WIRE_ERROR,              {"Aooooooo", "A-------", "--------", "A-------"}},
	{WIRE_COOKIE_ECHO,        {"--------", "--------", "--------", "--------"}},
	{WIRE_COOKIE_ACK,         {"-.e.....", "--------", "--------", "--------"}},
	{WIRE_ECNE,               {"A..ooooo", "A-------", "--------", "A-------"}},
	{WIRE_CWR,                {"A..ooooo", "A-------", "--------", "A-------"}},
	{WIRE_SHUTDOWN_COMPLETE,  {"-......x", "--------", "--------", "--.....x"}},
	{WIRE_AUTH,               {"A.......", "A-------", "--------", "A-------"}},
	{WIRE_I_DATA,             {"A..aaa..", "A-------", "--------", "A-------"}},
	{WIRE_ASCONF_ACK,         {"A.......", "A-------", "--------", "A-------"}},
	{WIRE_RE_CONFIG,          {"A..ooooo", "A-------", "--------", "A-------"}},
	{WIRE_PAD,                {"Aooooooo", "A-------", "--------", "A-------"}},
	{WIRE_FORWARD_TSN,        {"A..SSSSS", "A-------", "--------", "A-------"}},
	{WIRE_ASCONF,             {"A.RRRRRR", "A-------", "--------", "A-------"}},
	{WIRE_I_FORWARD_TSN,      {"A..aaaaa", "A-------", "--------", "A-------"}},
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof *rows)

START_TEST(test_each_chunk_in_each_state_under_each_tag_is_taken_or_answered_or_discarded) {
	for (size_t i = 0; i < ROWS; i++) {
		for (enum tag tag = 0; tag < TAGS; tag++) {
			char got[STATES + 1] = "";
			for (int state = 0; state < STATES; state++)
				got[state] = fate((enum sluice_sctp_state)state, &rows[i].type, 1, tag, tag == REFLECTED);
			ck_assert_msg(strcmp(got, rows[i].under[tag]) == 0, "%s under the %s tag: %s, not %s",
			              wire_chunk_name(rows[i].type), tag_names[tag], got, rows[i].under[tag]);
		}
	}
}
END_TEST

START_TEST(test_our_own_tag_with_the_t_bit_is_discarded) {
	static const uint8_t types[] = {WIRE_ABORT, WIRE_SHUTDOWN_COMPLETE};
	for (size_t i = 0; i < sizeof types; i++)
		for (int state = 0; state < STATES; state++)
			ck_assert_int_eq(fate((enum sluice_sctp_state)state, &types[i], 1, RIGHT, true), '-');
}
END_TEST

/* ---- bundling ---- */

START_TEST(test_what_stands_alone_is_discarded_with_all_that_stands_beside_it) {
	/* RFC 9260, 6.10: "An endpoint MUST NOT bundle INIT, INIT ACK, or SHUTDOWN COMPLETE chunks with any other chunks." */
	static const struct {
		uint8_t type;
		enum tag tag;
		bool t;
	} alone[] = {
		{WIRE_INIT, ZERO, false},
		{WIRE_INIT, RIGHT, false},
		{WIRE_INIT_ACK, RIGHT, false},
		{WIRE_SHUTDOWN_COMPLETE, RIGHT, false},
		{WIRE_SHUTDOWN_COMPLETE, REFLECTED, true},
	};
	for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
		for (size_t k = 0; k < ROWS; k++) {
			for (int state = 0; state < STATES; state++) {
				uint8_t first[2] = {alone[i].type, rows[k].type}, second[2] = {rows[k].type, alone[i].type};
				char one = fate((enum sluice_sctp_state)state, first, 2, alone[i].tag, alone[i].t);
				char other = fate((enum sluice_sctp_state)state, second, 2, alone[i].tag, alone[i].t);
				ck_assert_msg(one == '-' && other == '-', "%s with %s under the %s tag in state %d: %c %c",
				              wire_chunk_name(alone[i].type), wire_chunk_name(rows[k].type),
				              tag_names[alone[i].tag], state, one, other);
			}
		}
	}
}
END_TEST

START_TEST(test_a_cookie_echo_that_is_not_first_is_discarded_with_its_packet) {
	/* RFC 9260, 5.1, C: the COOKIE ECHO "MUST be the first chunk in the packet". */
	static const uint8_t types[] = {WIRE_HEARTBEAT, WIRE_COOKIE_ECHO};
	for (int state = 0; state < STATES; state++)
		for (enum tag tag = 0; tag < TAGS; tag++)
			ck_assert_int_eq(fate((enum sluice_sctp_state)state, types, 2, tag, false), '-');
}
END_TEST

START_TEST(test_the_tag_has_to_suit_every_chunk_of_a_packet) {
	/* Of an ABORT that reflects the peer's tag the others are not ours, and of one under our tag they are. */
	static const uint8_t heartbeat_first[] = {WIRE_HEARTBEAT, WIRE_ABORT}, abort_first[] = {WIRE_ABORT, WIRE_HEARTBEAT};
	ck_assert_int_eq(fate(SLUICE_SCTP_ESTABLISHED, heartbeat_first, 2, REFLECTED, true), '-');
	ck_assert_int_eq(fate(SLUICE_SCTP_ESTABLISHED, abort_first, 2, REFLECTED, true), '-');
	ck_assert_int_eq(fate(SLUICE_SCTP_ESTABLISHED, abort_first, 2, RIGHT, false), 'x');
	ck_assert_int_eq(fate(SLUICE_SCTP_ESTABLISHED, heartbeat_first, 2, WRONG, false), '-');
}
END_TEST

START_TEST(test_packets_out_of_the_blue_are_judged_by_all_their_chunks) {
	/* RFC 9260, 8.4: "If the OOTB packet contains ...": wherever in it. */
	static const struct {
		uint8_t types[3];
		char fate;
	} packets[] = {
		{{WIRE_DATA, WIRE_SACK, WIRE_HEARTBEAT}, 'A'},    {{WIRE_DATA, WIRE_SACK, WIRE_ABORT}, '-'},
		{{WIRE_SACK, WIRE_SHUTDOWN_ACK, WIRE_DATA}, 'C'}, {{WIRE_SHUTDOWN_ACK, WIRE_SACK, WIRE_ABORT}, '-'},
		{{WIRE_COOKIE_ACK, WIRE_DATA, WIRE_DATA}, '-'},
	};
	for (size_t i = 0; i < sizeof packets / sizeof *packets; i++)
		ck_assert_int_eq(fate(SLUICE_SCTP_CLOSED, packets[i].types, 3, WRONG, false), packets[i].fate);
}
END_TEST

START_TEST(test_a_stale_cookie_out_of_the_blue_is_not_answered) {
	struct script s;
	uint8_t space[100];
	enter(&s, SLUICE_SCTP_CLOSED);
	struct writer w = script_begin(&s, space, sizeof space);
	write_param_chunk(&w, WIRE_ERROR, WIRE_CAUSE_STALE_COOKIE, 4);
	script_give(&s, &w);
	ck_assert_ptr_null(script_next(&s));
	script_free(&s);
}
END_TEST

START_TEST(test_an_init_ack_with_tag_0_ends_it_with_an_abort_under_the_tag_it_came_with) {
	/* RFC 9260, 3.3.3: "If an endpoint in the COOKIE-WAIT state receives an INIT ACK chunk with the Initiate Tag set to 0, it
	 * MUST destroy the TCB and SHOULD send an ABORT chunk with the T bit set." In other states it is discarded. */
	for (int state = SLUICE_SCTP_COOKIE_WAIT; state < STATES; state++) {
		struct script s;
		enter(&s, (enum sluice_sctp_state)state);
		s.tag = 0;
		give(&s, WIRE_INIT_ACK);
		ck_assert_int_eq(sluice_sctp_state(s.sctp), state == SLUICE_SCTP_COOKIE_WAIT ? SLUICE_SCTP_CLOSED : state);
		ck_assert_int_eq(farewell_letter(&s, s.remote_tag, true), state == SLUICE_SCTP_COOKIE_WAIT ? 'A' : 0);
		script_free(&s);
	}
}
END_TEST

/* ---- two packets that once opened the door ---- */

START_TEST(test_an_init_without_a_body_lets_no_abort_in) {
	static const uint8_t packet[] = {0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0x88, 0xb5, 0xba, 0x01, 1, 0, 0, 4, 6, 0, 0, 4};
	struct script s;
	enter(&s, SLUICE_SCTP_ESTABLISHED);
	script_give_raw(&s, packet, sizeof packet);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	ck_assert_uint_eq(script_stats(&s).packets_discarded, 1);
	script_free(&s);
}
END_TEST

START_TEST(test_no_data_passes_behind_a_reflected_shutdown_complete) {
	static const uint8_t types[] = {WIRE_SHUTDOWN_COMPLETE, WIRE_DATA};
	ck_assert_int_eq(fate(SLUICE_SCTP_ESTABLISHED, types, 2, REFLECTED, true), '-');
}
END_TEST

SUITE("sctp doors", test_each_chunk_in_each_state_under_each_tag_is_taken_or_answered_or_discarded,
      test_our_own_tag_with_the_t_bit_is_discarded, test_what_stands_alone_is_discarded_with_all_that_stands_beside_it,
      test_a_cookie_echo_that_is_not_first_is_discarded_with_its_packet, test_the_tag_has_to_suit_every_chunk_of_a_packet,
      test_packets_out_of_the_blue_are_judged_by_all_their_chunks, test_a_stale_cookie_out_of_the_blue_is_not_answered,
      test_an_init_ack_with_tag_0_ends_it_with_an_abort_under_the_tag_it_came_with, test_an_init_without_a_body_lets_no_abort_in,
      test_no_data_passes_behind_a_reflected_shutdown_complete)
