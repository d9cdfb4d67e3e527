/* format: how is our offer or answer written?
 *
 * An answer has the sections of the offer, in their order. It repeats only medium, protocol, a format and the mid. It repeats no
 * attribute of the offer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sdp/attributes.h"
#include "sluice/error.h"

struct text {
	char *at;
	size_t room;
	size_t len; /* of the whole text, also when it does not fit */
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

/* Absent in an answer when the section of the offer had no mid. */
static struct sdp_slice mid_of(const struct sdp_description *d, const struct sdp_own_section *own) {
	if (d->offer)
		return d->offer->sections[own->answers].mid;
	return (struct sdp_slice){own->mid, own->mid ? strlen(own->mid) : 0};
}

/* RFC 9143, 7.3: an answer lists those sections of the offered group that it accepts. */
static void put_group(struct text *t, const struct sdp_description *d) {
	bool any = false;
	for (size_t i = 0; i < d->section_count; i++) {
		struct sdp_slice mid = mid_of(d, &d->sections[i]);
		if (!mid.s || (d->offer && !d->offer->sections[d->sections[i].answers].bundled))
			continue;
		put(t, "%s %.*s", any ? "" : "a=group:BUNDLE", SLICE(mid));
		any = true;
	}
	if (any)
		put(t, "\r\n");
}

static void put_session(struct text *t, const struct sdp_description *d) {
	/* RFC 9429, 5.2.1: the address in o= has no meaning, so that no address leaks. Ids are below 2^63 for readers that use
	 * signed numbers. */
	put(t, "v=0\r\no=- %llu %llu IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", (unsigned long long)(d->session_id & INT64_MAX),
	    (unsigned long long)(d->session_version & INT64_MAX));
	put_group(t, d);
	if (d->ice_lite && d->section_count)
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

/* A peer that offers "DTLS/SCTP 5000" reads the port of our association in that place and in a=sctpmap. */
static bool is_old_form(const struct sdp_section *s) {
	struct sdp_slice formats = s->formats, format;
	return sdp_word(&formats, " ", &format) && !sdp_slice_is(format, "webrtc-datachannel");
}

static void put_media_line(struct text *t, const struct sdp_own_section *own, const struct sdp_section *offered) {
	unsigned port = own->address ? own->port : 9;
	if (!offered)
		put(t, "m=application %u UDP/DTLS/SCTP webrtc-datachannel\r\n", port);
	else if (is_old_form(offered))
		put(t, "m=application %u %.*s %u\r\n", port, SLICE(offered->proto), own->sctp_port);
	else
		put(t, "m=application %u %.*s webrtc-datachannel\r\n", port, SLICE(offered->proto));
	put(t, "c=IN %s %s\r\n", own->address && own->address_is_ipv6 ? "IP6" : "IP4", own->address ? own->address : "0.0.0.0");
}

static void put_ice(struct text *t, const struct sdp_own_section *own) {
	for (size_t i = 0; i < own->candidate_count; i++)
		put(t, "a=%s\r\n", own->candidates[i]);
	if (own->end_of_candidates)
		put(t, "a=end-of-candidates\r\n");
	put(t, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", own->ufrag, own->pwd);
	/* RFC 8445, 10: an agent that follows that RFC says so by ice2. */
	put(t, "a=ice-options:ice2%s%s\r\n", own->trickle ? " trickle" : "", own->sped ? " sped" : "");
}

static void put_dtls(struct text *t, const struct sdp_own_section *own) {
	static const char *const setups[] = {[SDP_SETUP_ACTPASS] = "actpass",
	                                     [SDP_SETUP_ACTIVE] = "active",
	                                     [SDP_SETUP_PASSIVE] = "passive",
	                                     [SDP_SETUP_HOLDCONN] = "holdconn"};
	for (size_t i = 0; i < own->fingerprint_count; i++)
		put(t, "a=fingerprint:%s\r\n", own->fingerprints[i]);
	if (own->setup != SDP_SETUP_NONE)
		put(t, "a=setup:%s\r\n", setups[own->setup]);
}

static void put_sctp(struct text *t, const struct sdp_own_section *own, const struct sdp_section *offered) {
	if (offered && is_old_form(offered))
		put(t, "a=sctpmap:%u webrtc-datachannel 65535\r\n", own->sctp_port);
	else
		put(t, "a=sctp-port:%u\r\n", own->sctp_port);
	put(t, "a=max-message-size:%llu\r\n", (unsigned long long)own->max_message_size);
	if (own->sctp_init)
		put(t, "a=sctp-init:%s\r\n", own->sctp_init);
}

static void put_own(struct text *t, const struct sdp_description *d, const struct sdp_own_section *own) {
	const struct sdp_section *offered = d->offer ? &d->offer->sections[own->answers] : NULL;
	struct sdp_slice mid = mid_of(d, own);
	put_media_line(t, own, offered);
	put_ice(t, own);
	put_dtls(t, own);
	if (mid.s)
		put(t, "a=mid:%.*s\r\n", SLICE(mid));
	put_sctp(t, own, offered);
}

/* ---- all of it ---- */

size_t sdp_mirror_size(const struct sdp *offer) {
	char nothing;
	struct text t = {.at = &nothing};
	const struct sdp_section *data = sdp_first(offer, SDP_DATA);
	for (size_t i = 0; i < offer->section_count; i++)
		put_rejected(&t, &offer->sections[i]);
	return t.len + (data ? data->mid.len : 0); /* it stands in a=group as well */
}

static const struct sdp_own_section *answer_to(const struct sdp_description *d, size_t index) {
	for (size_t i = 0; i < d->section_count; i++) {
		if (d->sections[i].answers == index)
			return &d->sections[i];
	}
	return NULL;
}

int sdp_format(const struct sdp_description *d, char *text, size_t size) {
	struct text t = {.at = text, .room = size};
	put_session(&t, d);
	for (size_t i = 0; !d->offer && i < d->section_count; i++)
		put_own(&t, d, &d->sections[i]);
	for (size_t i = 0; d->offer && i < d->offer->section_count; i++) {
		const struct sdp_own_section *own = answer_to(d, i);
		if (own)
			put_own(&t, d, own);
		else
			put_rejected(&t, &d->offer->sections[i]);
	}
	return t.len < size && t.len <= INT32_MAX ? (int)t.len : SLUICE_NO_SPACE;
}
