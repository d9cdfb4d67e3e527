/* chunks: one row a type of chunk: where it may stand in a packet, under which tag, in which states it is taken, who handles
 * it, and what the trace tells of it. input.c makes its table of doors of these rows and has the meaning of each word; trace.c
 * takes the last column. The number and the name of a type stand in src/wire (WIRE_x, wire_chunk_name). A type without a row is
 * unknown: it may stand anywhere, under our tag. */
#ifndef SCTP_CHUNKS_H
#define SCTP_CHUNKS_H

/* clang-format off */
#define CHUNKS(ROW) \
	/*  chunk              place     tag                states it is taken in     handler                  trace */ \
	ROW(DATA,              ANYWHERE, OUR_TAG,           TAKES_DATA,               data_entry,              data_members) \
	ROW(INIT,              ALONE,    NO_TAG,            IN(CLOSED) | ALIVE,       handshake_init,          init_members) \
	ROW(INIT_ACK,          ALONE,    OUR_TAG,           IN(COOKIE_WAIT),          handshake_init_ack,      init_members) \
	ROW(SACK,              ANYWHERE, OUR_TAG,           IN(COOKIE_ECHOED) | OPEN, sack_chunk,              sack_members) \
	ROW(HEARTBEAT,         ANYWHERE, OUR_TAG,           IN(COOKIE_ECHOED) | OPEN, heartbeat_entry,         length_members) \
	ROW(HEARTBEAT_ACK,     ANYWHERE, OUR_TAG,           OPEN,                     heartbeat_ack_entry,     length_members) \
	ROW(ABORT,             ANYWHERE, OUR_TAG_OR_T,      ALIVE,                    abort_chunk,             cause_members) \
	ROW(SHUTDOWN,          ANYWHERE, OUR_TAG,           OPEN,                     shutdown_entry,          shutdown_members) \
	ROW(SHUTDOWN_ACK,      ANYWHERE, OUR_TAG_WHEN_OPEN, ENDING,                   shutdown_ack_entry,      length_members) \
	ROW(ERROR,             ANYWHERE, OUR_TAG,           ALIVE,                    error_chunk,             cause_members) \
	ROW(COOKIE_ECHO,       FIRST,    COOKIES_TAG,       IN(CLOSED) | ALIVE,       handshake_cookie_echo,   length_members) \
	ROW(COOKIE_ACK,        ANYWHERE, OUR_TAG,           IN(COOKIE_ECHOED),        handshake_cookie_ack,    length_members) \
	ROW(ECNE,              ANYWHERE, OUR_TAG,           OPEN,                     ignore_entry,            length_members) \
	ROW(CWR,               ANYWHERE, OUR_TAG,           OPEN,                     ignore_entry,            length_members) \
	ROW(SHUTDOWN_COMPLETE, ALONE,    OUR_TAG_OR_T,      IN(SHUTDOWN_ACK_SENT),    shutdown_complete_entry, length_members) \
	ROW(I_DATA,            ANYWHERE, OUR_TAG,           TAKES_DATA,               data_entry,              data_members) \
	ROW(RE_CONFIG,         ANYWHERE, OUR_TAG,           OPEN,                     reconfig_entry,          length_members) \
	ROW(PAD,               ANYWHERE, OUR_TAG,           ALIVE,                    ignore_entry,            length_members) \
	ROW(FORWARD_TSN,       ANYWHERE, OUR_TAG,           OPEN,                     forward_tsn_chunk,       forward_members) \
	ROW(I_FORWARD_TSN,     ANYWHERE, OUR_TAG,           OPEN,                     forward_tsn_chunk,       forward_members)
/* clang-format on */

#endif
