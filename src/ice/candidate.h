/* candidate: what is a candidate, how is it written in SDP, and what is it worth? RFC 8445, 5.1; RFC 8839, 5.1; RFC 6544, 4.5.
 *
 * It knows no pairs, no agent and no sockets. */
#ifndef ICE_CANDIDATE_H
#define ICE_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define CANDIDATE_NAME_MAX 256      /* a DNS name with its NUL */
#define CANDIDATE_FOUNDATION_MAX 33 /* 32 ice-chars and a NUL */
#define CANDIDATE_TEXT_MAX 768      /* the longest text that candidate_format writes, with its NUL */

enum candidate_type { CANDIDATE_HOST, CANDIDATE_SRFLX, CANDIDATE_PRFLX, CANDIDATE_RELAY };
enum candidate_transport { CANDIDATE_UDP, CANDIDATE_TCP_ACTIVE, CANDIDATE_TCP_PASSIVE, CANDIDATE_TCP_SO };

/* The transport of the candidates that this one makes pairs with. */
static inline enum candidate_transport candidate_opposite(enum candidate_transport t) {
	static const enum candidate_transport of[] = {CANDIDATE_UDP, CANDIDATE_TCP_PASSIVE, CANDIDATE_TCP_ACTIVE,
	                                              CANDIDATE_TCP_SO};
	return of[t];
}

struct candidate {
	enum candidate_type type;
	enum candidate_transport transport;
	uint32_t priority;
	uint16_t component;
	char foundation[CANDIDATE_FOUNDATION_MAX];
	struct sockaddr_storage addr;    /* ss_family 0 while only the name is known; the port then stands in `port` */
	struct sockaddr_storage related; /* ss_family 0: none */
	uint16_t port;                   /* host byte order, always */
	char name[CANDIDATE_NAME_MAX];   /* when the address is a name (mDNS); else "" */
	char ufrag[257];                 /* the "ufrag" extension, which names the generation; "" when absent */
};

/* Reads "candidate:..." with or without "a=" before it. Trailing CR LF is allowed, unknown extensions are skipped. Returns 0, or
 *   SLUICE_MALFORMED
 *   SLUICE_UNSUPPORTED  well-formed and of no use: another transport, another component, an unknown type, port 0 */
int candidate_parse(const char *text, size_t len, struct candidate *out);

/* Writes "candidate:..." without "a=" and line end. A host candidate with a name shows the name, never its address. Returns the
 * length, or SLUICE_NO_SPACE. */
int candidate_format(const struct candidate *c, char *text, size_t size);

/* RFC 8445, 5.1.2.1. Type preferences: host 126, prflx 110, srflx 100, relay 0. TCP candidates rank below every UDP one except
 * the relayed: host 90, prflx 80, srflx 70. Their direction goes into the local preference (RFC 6544, 4.2), so only the upper 13
 * bits of the given one remain. */
uint32_t candidate_priority(enum candidate_type type, enum candidate_transport transport, uint16_t local_preference);

/* Candidates of one kind make pairs with the same candidates of the other side. A kind is a name, IPv4 or IPv6, each by its
 * transport. Where there are too many candidates, the most numerous kind gives way. So candidates of a family that one side has
 * not do not keep others out. */
#define CANDIDATE_KINDS 12
unsigned candidate_kind(enum candidate_transport transport, const struct sockaddr_storage *addr);

/* Does multicast DNS answer for this name (RFC 6762)? */
bool candidate_name_is_local(const char *name);

#endif
