/* dns: how are the few DNS messages of multicast DNS written and read? RFC 1035, 4; RFC 6762.
 *
 * Reading goes record by record and copies names out in lower case; a pointer may only point backwards, so that no message
 * makes it run for long. It knows no sockets and no time. */
#ifndef LOOP_DNS_H
#define LOOP_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define DNS_NAME_MAX 256
#define DNS_MESSAGE_MAX 512 /* any that is written here */

enum { DNS_A = 1, DNS_AAAA = 28, DNS_ANY = 255 };
enum { DNS_IN = 1 };

/* RFC 6762, 5.4 and 10.2: the top bit of the class: in a question "a unicast answer will do", in a record "this is all there is of
 * it, forget older ones". */
#define DNS_TOP_BIT 0x8000

struct dns_reader {
	const uint8_t *message;
	size_t len, at;
	uint16_t id;
	bool is_response, is_plain;  /* plain: a standard query, or an answer to one without an error */
	unsigned questions, records; /* still to come */
};

struct dns_record {
	bool is_question;
	char name
		[DNS_NAME_MAX]; /* lower case, dots between the labels, none at the end; "" when it is none we could have asked for */
	uint16_t type, class;
	const uint8_t *data; /* of a record */
	size_t len;
};

bool dns_open(struct dns_reader *r, const void *message, size_t len);
/* Questions first, then the records of all sections. False at the end, and where the message is broken. */
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
