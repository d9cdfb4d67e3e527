/* format: how is our offer or answer written?
 *
 * An answer has the sections of the offer in their order. Of those only what has to come back does: medium, protocol, a format
 * and the mid. No attribute of the offer is ever repeated. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sdp/attributes.h"
#include "sluice/error.h"

struct text {
	char *at;
	size_t room;
	size_t len; /* of all that was to be written, fitting or not */
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int len = vsnprintf(t->at, t->room, format, args);
	va_end(args);
	size_t fits = (size_t)len < t->room ? (size_t)len : t->room;
	t->at += fits;
	t->room -= fits;
	t->len += (size_t)len;
}

#define SLICE(slice) (int)(slice).len, (slice).s

/* ---- the session ---- */

static bool accepts(const struct sdp_description *d) {
	return !d->offer || (!d->reject && d->data >= 0 && (size_t)d->data < d->offer->section_count);
}

/* Our data section's mid; absent in an answer to an offer that gave it none. */
static struct sdp_slice data_mid(const struct sdp_description *d) {
	if (d->offer)
		return d->offer->sections[d->data].mid;
	return (struct sdp_slice){d->mid, d->mid ? strlen(d->mid) : 0};
}

static void put_session(struct text *t, const struct sdp_description *d) {
	/* RFC 9429, 5.2.1: the address in o= says nothing, so that none leaks; ids are below 2^63 for those who read them
	 * signed. */
	put(t, "v=0\r\no=- %llu %llu IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", (unsigned long long)(d->session_id & INT64_MAX),
	    (unsigned long long)(d->session_version & INT64_MAX));
	if (!accepts(d))
		return;
	/* RFC 9143, 7.3: an answer lists sections of the group that was offered, those that it accepts. */
	struct sdp_slice mid = data_mid(d);
	if (mid.s && (!d->offer || d->offer->bundle))
		put(t, "a=group:BUNDLE %.*s\r\n", SLICE(mid));
	if (d->ice_lite)
		put(t, "a=ice-lite\r\n");
}

/* ---- sections ---- */

/* RFC 3264, 6: "To reject an offered stream, the port number in the corresponding stream in the answer MUST be set to zero. Any
 * media formats listed are ignored. At least one MUST be present". */
static void put_rejected(struct text *t, const struct sdp_section *s) {
	struct sdp_slice formats = s->formats, format;
	sdp_word(&formats, " ", &format);
	put(t, "m=%.*s 0 %.*s %.*s\r\nc=IN IP4 0.0.0.0\r\n", SLICE(s->media), SLICE(s->proto), SLICE(format));
	if (s->mid.s)
		put(t, "a=mid:%.*s\r\n", SLICE(s->mid));
	put(t, "a=inactive\r\n");
}

/* Who offers "DTLS/SCTP 5000" reads the port of our association in its place and in a=sctpmap. */
static bool is_old_form(const struct sdp_section *s) {
	struct sdp_slice formats = s->formats, format;
	return sdp_word(&formats, " ", &format) && !sdp_slice_is(format, "webrtc-datachannel");
}

static void put_media_line(struct text *t, const struct sdp_description *d) {
	unsigned port = d->address ? d->port : 9;
	const struct sdp_section *s = d->offer ? &d->offer->sections[d->data] : NULL;
	if (!s)
		put(t, "m=application %u UDP/DTLS/SCTP webrtc-datachannel\r\n", port);
	else if (is_old_form(s))
		put(t, "m=application %u %.*s %u\r\n", port, SLICE(s->proto), d->sctp_port);
	else
		put(t, "m=application %u %.*s webrtc-datachannel\r\n", port, SLICE(s->proto));
	put(t, "c=IN %s %s\r\n", d->address && d->address_is_ipv6 ? "IP6" : "IP4", d->address ? d->address : "0.0.0.0");
}

static void put_ice(struct text *t, const struct sdp_description *d) {
	for (size_t i = 0; i < d->candidate_count; i++)
		put(t, "a=%s\r\n", d->candidates[i]);
	if (d->end_of_candidates)
		put(t, "a=end-of-candidates\r\n");
	put(t, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", d->ufrag, d->pwd);
	/* RFC 8445, 10: agents that follow it say so by ice2. */
	put(t, "a=ice-options:ice2%s%s\r\n", d->trickle ? " trickle" : "", d->sped ? " sped" : "");
}

static void put_dtls(struct text *t, const struct sdp_description *d) {
	static const char *const setups[] = {[SDP_SETUP_ACTPASS] = "actpass",
	                                     [SDP_SETUP_ACTIVE] = "active",
	                                     [SDP_SETUP_PASSIVE] = "passive",
	                                     [SDP_SETUP_HOLDCONN] = "holdconn"};
	for (size_t i = 0; i < d->fingerprint_count; i++)
		put(t, "a=fingerprint:%s\r\n", d->fingerprints[i]);
	if (d->setup != SDP_SETUP_NONE)
		put(t, "a=setup:%s\r\n", setups[d->setup]);
}

static void put_sctp(struct text *t, const struct sdp_description *d) {
	if (d->offer && is_old_form(&d->offer->sections[d->data]))
		put(t, "a=sctpmap:%u webrtc-datachannel 65535\r\n", d->sctp_port);
	else
		put(t, "a=sctp-port:%u\r\n", d->sctp_port);
	put(t, "a=max-message-size:%llu\r\n", (unsigned long long)d->max_message_size);
	if (d->sctp_init)
		put(t, "a=sctp-init:%s\r\n", d->sctp_init);
}

static void put_data(struct text *t, const struct sdp_description *d) {
	struct sdp_slice mid = data_mid(d);
	put_media_line(t, d);
	put_ice(t, d);
	put_dtls(t, d);
	if (mid.s)
		put(t, "a=mid:%.*s\r\n", SLICE(mid));
	put_sctp(t, d);
}

/* ---- all of it ---- */

size_t sdp_mirror_size(const struct sdp *offer) {
	char nothing;
	struct text t = {.at = &nothing};
	for (size_t i = 0; i < offer->section_count; i++)
		put_rejected(&t, &offer->sections[i]);
	return t.len + (offer->data >= 0 ? offer->sections[offer->data].mid.len : 0); /* it stands in a=group as well */
}

int sdp_format(const struct sdp_description *d, char *text, size_t size) {
	struct text t = {.at = text, .room = size};
	put_session(&t, d);
	if (!d->offer)
		put_data(&t, d);
	for (size_t i = 0; d->offer && i < d->offer->section_count; i++) {
		if (accepts(d) && (int)i == d->data)
			put_data(&t, d);
		else
			put_rejected(&t, &d->offer->sections[i]);
	}
	return t.len < size && t.len <= INT32_MAX ? (int)t.len : SLUICE_NO_SPACE;
}
