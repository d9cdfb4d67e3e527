/* dns: how are the few DNS messages of multicast DNS written and read? RFC 1035, 4; RFC 6762.
 *
 * Reading goes record by record and copies names out in lower case. The cost of a message is bounded: a pointer leads
 * backwards, a name has at most DNS_HOPS_MAX pointers and 255 bytes, and reading stops at record DNS_RECORDS_MAX. The worst
 * message of 9,000 bytes takes about 70,000 steps. It knows no sockets and no time. */
#ifndef LOOP_DNS_H
#define LOOP_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define DNS_NAME_MAX 256
#define DNS_MESSAGE_MAX 512 /* any that is written here */
/* A name may point to an earlier name, which may point further. Real messages have one hop as a rule. */
#define DNS_HOPS_MAX 16
/* Questions and records that are read of one message. A message about a hundred services has fewer. */
#define DNS_RECORDS_MAX 256

enum { DNS_A = 1, DNS_AAAA = 28, DNS_ANY = 255 };
enum { DNS_IN = 1 };

/* RFC 6762, 5.4 and 10.2: the top bit of the class: in a question "a unicast answer will do", in a record "this is all there is
 * of it, forget older ones". */
#define DNS_TOP_BIT 0x8000

struct dns_reader {
	const uint8_t *message;
	size_t len, at;
	uint16_t id;
	bool is_response, is_plain;  /* plain: a standard query, or an answer to one without an error */
	unsigned questions, records; /* not read yet */
	unsigned left;               /* how many more may be read */
};

struct dns_record {
	bool is_question;
	/* Lower case, dots between the labels, none at the end. "" for a name that we cannot have asked for. */
	char name[DNS_NAME_MAX];
	uint32_t hash; /* dns_name_hash(name) */
	uint16_t type, class;
	const uint8_t *data; /* of a record */
	size_t len;
};

/* Names with different hashes differ: names in lower case are compared by this first. */
uint32_t dns_name_hash(const char *name);

bool dns_open(struct dns_reader *r, const void *message, size_t len);
/* Questions first, then the records of all sections. False at the end or the bound, and where the message is broken. */
bool dns_next(struct dns_reader *r, struct dns_record *record);

/* Each returns the length, 0 when the name cannot be written. */
size_t dns_write_query(uint8_t out[DNS_MESSAGE_MAX], const char *name, uint16_t type);
struct dns_answer {
	uint16_t id, class; /* 0 and with the top bit, except to who asks by unicast */
	uint32_t ttl;       /* s */
	bool with_question;
};
size_t dns_write_answer(uint8_t out[DNS_MESSAGE_MAX], const char *name, const struct sockaddr_storage *addr,
                        const struct dns_answer *how);

#endif
