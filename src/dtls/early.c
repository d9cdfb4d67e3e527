/* early: which records came before their turn, and when is it?
 *
 * Three kinds wait: data that came before the connection was ready for it, the ChangeCipherSpec before the messages that precede
 * it, and what is encrypted before the ChangeCipherSpec. OpenSSL would drop the second kind for good: RFC 6347 numbers
 * handshake messages but not the ChangeCipherSpec, so a flight whose datagrams were turned around would have to be repeated, and
 * a copy of it would fall to the replay check. The third kind it keeps, up to 100 of them in 16 KiB each. It knows no states but
 * those of OpenSSL's handshake. */
#include <string.h>

#include "dtls/connection.h"
#include "dtls/record.h"

static bool list_add(struct dtls *d, struct held_list *list, unsigned max, const uint8_t *record, size_t len) {
	struct held_record *h = list->count < max ? env_alloc(d->env, sizeof *h + len) : NULL;
	if (!h) {
		d->stats.records_discarded++;
		return false;
	}
	h->next = NULL;
	h->len = len;
	memcpy(h->bytes, record, len);
	if (list->first)
		list->last->next = h;
	else
		list->first = h;
	list->last = h;
	list->count++;
	return true;
}

static struct held_record *list_take(struct held_list *list) {
	struct held_record *h = list->first;
	if (h) {
		list->first = h->next;
		list->count--;
	}
	return h;
}

static void list_free(struct dtls *d, struct held_list *list) {
	for (struct held_record *h; (h = list_take(list));)
		env_free(d->env, h);
}

/* ---- data ---------------------------------------------------------------------------------------------------------- */

void early_hold(struct dtls *d, const uint8_t *record, size_t len) {
	list_add(d, &d->held, DTLS_HELD_MAX, record, len);
}

struct held_record *early_lend(struct dtls *d) {
	struct held_record *h = list_take(&d->held);
	if (h) {
		h->next = d->lent;
		d->lent = h;
	}
	return h;
}

void early_release(struct dtls *d) {
	while (d->lent) {
		struct held_record *h = d->lent;
		d->lent = h->next;
		env_free(d->env, h);
	}
}

/* ---- the handshake's end --------------------------------------------------------------------------------------------- */

/* Is the ChangeCipherSpec what comes next? In an abbreviated handshake it follows the ServerHello, and our own Finished. No
 * NewSessionTicket can stand before it, since tickets are never asked for. */
static bool change_is_next(const struct dtls *d) {
	switch (SSL_get_state(d->ssl)) {
	case TLS_ST_CR_SRVR_HELLO:
	case TLS_ST_SW_FINISHED:
		return SSL_session_reused(d->ssl);
	case TLS_ST_CW_FINISHED:
	case TLS_ST_SR_CERT_VRFY:
		return true;
	default:
		return false;
	}
}

static bool was_changed(const struct dtls *d) {
	OSSL_HANDSHAKE_STATE state = SSL_get_state(d->ssl);
	return d->finished || state == TLS_ST_CR_CHANGE || state == TLS_ST_SR_CHANGE;
}

static bool is_live(const struct dtls *d) {
	return d->state == DTLS_HANDSHAKING || d->state == DTLS_CONNECTED;
}

/* What waited and whose turn it is now. */
static void catch_up(struct dtls *d, uint64_t now) {
	if (d->change_waits && change_is_next(d)) {
		d->change_waits = false;
		dtls_take_record(d, d->change, sizeof d->change, now);
	}
	while (d->sealed_early.first && was_changed(d) && is_live(d)) {
		struct held_record *h = list_take(&d->sealed_early);
		dtls_take_record(d, h->bytes, h->len, now);
		env_free(d->env, h);
	}
}

void early_take(struct dtls *d, uint8_t *record, size_t len, uint64_t now) {
	if (record_type(record) == RECORD_CHANGE_CIPHER_SPEC && len == sizeof d->change && !change_is_next(d)) {
		memcpy(d->change, record, len);
		d->change_waits = true;
	} else if (record_epoch(record) > 0 && !was_changed(d)) {
		list_add(d, &d->sealed_early, DTLS_SEALED_EARLY_MAX, record, len);
	} else {
		dtls_take_record(d, record, len, now);
		catch_up(d, now);
	}
}

void early_free(struct dtls *d) {
	early_release(d);
	list_free(d, &d->held);
	list_free(d, &d->sealed_early);
}

static bool list_check(const struct held_list *list, unsigned max) {
	unsigned count = 0;
	const struct held_record *last = NULL;
	for (const struct held_record *h = list->first; h; h = h->next, count++)
		last = h;
	return count == list->count && count <= max && (!last || last == list->last);
}

bool early_check(const struct dtls *d) {
	return list_check(&d->held, DTLS_HELD_MAX) && list_check(&d->sealed_early, DTLS_SEALED_EARLY_MAX);
}
