/* format: how is our offer or answer written?
 *
 * An answer has the sections of the offer, in their order. It repeats only medium, protocol, a format and the mid. It repeats no
 * attribute of the offer. */
#include "sdp/writer.h"
#include "sluice/error.h"

/* ---- the session ---- */

/* Absent in an answer when the section of the offer had no mid. */
static struct sdp_slice mid_of(const struct sdp_description *d, const struct sdp_own_section *own) {
	if (d->offer)
		return d->offer->sections[own->answers].mid;
	return (struct sdp_slice){own->mid, own->mid ? strlen(own->mid) : 0};
}

/* RFC 9143, 7.3: an answer lists those sections of the offered group that it accepts. */
static void put_group(struct sdp_writer *t, const struct sdp_description *d) {
	bool any = false;
	for (size_t i = 0; i < d->section_count; i++) {
		struct sdp_slice mid = mid_of(d, &d->sections[i]);
		if (!mid.s || d->sections[i].rejected || (d->offer && !d->offer->sections[d->sections[i].answers].bundled))
			continue;
		sdp_put(t, "%s %.*s", any ? "" : "a=group:BUNDLE", SDP_SLICE(mid));
		any = true;
	}
	if (any)
		sdp_put(t, "\r\n");
}

static void put_session(struct sdp_writer *t, const struct sdp_description *d) {
	/* RFC 9429, 5.2.1: the address in o= has no meaning, so that no address leaks. Ids are below 2^63 for readers that use
	 * signed numbers. */
	sdp_put(t, "v=0\r\no=- %llu %llu IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", (unsigned long long)(d->session_id & INT64_MAX),
	        (unsigned long long)(d->session_version & INT64_MAX));
	put_group(t, d);
	if (d->extmap_allow_mixed)
		sdp_put(t, "a=extmap-allow-mixed\r\n");
	if (d->ice_lite && d->section_count)
		sdp_put(t, "a=ice-lite\r\n");
}

/* ---- sections ---- */

/* RFC 3264, 6: "To reject an offered stream, the port number in the corresponding stream in the answer MUST be set to zero. Any
 * media formats listed are ignored. At least one MUST be present". */
static void put_rejected(struct sdp_writer *t, const struct sdp_section *s) {
	struct sdp_slice formats = s->formats, format;
	sdp_word(&formats, " ", &format);
	sdp_put(t, "m=%.*s 0 %.*s %.*s\r\nc=IN IP4 0.0.0.0\r\n", SDP_SLICE(s->media), SDP_SLICE(s->proto), SDP_SLICE(format));
	if (s->mid.s)
		sdp_put(t, "a=mid:%.*s\r\n", SDP_SLICE(s->mid));
	sdp_put(t, "a=inactive\r\n");
}

/* A peer that offers "DTLS/SCTP 5000" reads the port of our association in that place and in a=sctpmap. */
static bool is_old_form(const struct sdp_section *s) {
	struct sdp_slice formats = s->formats, format;
	return sdp_word(&formats, " ", &format) && !sdp_slice_is(format, "webrtc-datachannel");
}

static void put_data_line(struct sdp_writer *t, const struct sdp_own_section *own, const struct sdp_section *offered,
                          unsigned port) {
	if (!offered)
		sdp_put(t, "m=application %u UDP/DTLS/SCTP webrtc-datachannel\r\n", port);
	else if (is_old_form(offered))
		sdp_put(t, "m=application %u %.*s %u\r\n", port, SDP_SLICE(offered->proto), own->sctp_port);
	else
		sdp_put(t, "m=application %u %.*s webrtc-datachannel\r\n", port, SDP_SLICE(offered->proto));
}

/* RFC 9429, 5.1.2: the profile of an answer is exactly that of the offer. */
static void put_rtp_line(struct sdp_writer *t, const struct sdp_own_section *own, const struct sdp_section *offered,
                         unsigned port) {
	struct sdp_slice proto = offered ? offered->proto : sdp_slice_of("UDP/TLS/RTP/SAVPF");
	sdp_put(t, "m=%s %u %.*s", own->kind == SDP_AUDIO ? "audio" : "video", port, SDP_SLICE(proto));
	sdp_put_types(t, &own->rtp);
	sdp_put(t, "\r\n");
}

static bool is_media(const struct sdp_own_section *own) {
	return own->kind == SDP_AUDIO || own->kind == SDP_VIDEO;
}

static void put_media_line(struct sdp_writer *t, const struct sdp_own_section *own, const struct sdp_section *offered) {
	unsigned port = own->rejected || own->bundle_only ? 0 : own->address ? own->port : 9;
	bool shown = own->address && !own->rejected;
	if (is_media(own))
		put_rtp_line(t, own, offered, port);
	else
		put_data_line(t, own, offered, port);
	sdp_put(t, "c=IN %s %s\r\n", shown && own->address_is_ipv6 ? "IP6" : "IP4", shown ? own->address : "0.0.0.0");
}

static void put_candidates(struct sdp_writer *t, const struct sdp_own_section *own) {
	for (size_t i = 0; i < own->candidate_count; i++)
		sdp_put(t, "a=%s\r\n", own->candidates[i]);
	if (own->end_of_candidates)
		sdp_put(t, "a=end-of-candidates\r\n");
}

static void put_ice(struct sdp_writer *t, const struct sdp_own_section *own) {
	sdp_put(t, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", own->ufrag, own->pwd);
	/* RFC 8445, 10: an agent that follows that RFC says so by ice2. */
	sdp_put(t, "a=ice-options:ice2%s%s\r\n", own->trickle ? " trickle" : "", own->sped ? " sped" : "");
}

static void put_dtls(struct sdp_writer *t, const struct sdp_own_section *own) {
	static const char *const setups[] = {[SDP_SETUP_ACTPASS] = "actpass",
	                                     [SDP_SETUP_ACTIVE] = "active",
	                                     [SDP_SETUP_PASSIVE] = "passive",
	                                     [SDP_SETUP_HOLDCONN] = "holdconn"};
	for (size_t i = 0; i < own->fingerprint_count; i++)
		sdp_put(t, "a=fingerprint:%s\r\n", own->fingerprints[i]);
	if (own->setup != SDP_SETUP_NONE)
		sdp_put(t, "a=setup:%s\r\n", setups[own->setup]);
}

static void put_sctp(struct sdp_writer *t, const struct sdp_own_section *own, const struct sdp_section *offered) {
	if (offered && is_old_form(offered))
		sdp_put(t, "a=sctpmap:%u webrtc-datachannel 65535\r\n", own->sctp_port);
	else
		sdp_put(t, "a=sctp-port:%u\r\n", own->sctp_port);
	sdp_put(t, "a=max-message-size:%llu\r\n", (unsigned long long)own->max_message_size);
	if (own->sctp_init)
		sdp_put(t, "a=sctp-init:%s\r\n", own->sctp_init);
}

static void put_data(struct sdp_writer *t, const struct sdp_own_section *own, const struct sdp_section *offered,
                     struct sdp_slice mid, bool transport) {
	if (transport) {
		put_candidates(t, own);
		put_ice(t, own);
		put_dtls(t, own);
	}
	if (mid.s)
		sdp_put(t, "a=mid:%.*s\r\n", SDP_SLICE(mid));
	put_sctp(t, own, offered);
}

/* In the order of the examples of RFC 9429, 7. */
static void put_media(struct sdp_writer *t, const struct sdp_own_section *own, struct sdp_slice mid, bool transport) {
	sdp_put_rtp(t, &own->rtp, mid);
	if (transport) {
		put_ice(t, own);
		put_dtls(t, own);
	}
	sdp_put_rtcp(t, &own->rtp);
	if (transport)
		put_candidates(t, own);
}

/* RFC 9429, 5.2.2: a stopped transceiver's section keeps its place with port 0. */
static void put_stopped(struct sdp_writer *t, struct sdp_slice mid) {
	if (mid.s)
		sdp_put(t, "a=mid:%.*s\r\n", SDP_SLICE(mid));
	sdp_put(t, "a=inactive\r\n");
}

static void put_own(struct sdp_writer *t, const struct sdp_description *d, const struct sdp_own_section *own) {
	const struct sdp_section *offered = d->offer ? &d->offer->sections[own->answers] : NULL;
	struct sdp_slice mid = mid_of(d, own);
	put_media_line(t, own, offered);
	if (own->rejected) {
		put_stopped(t, mid);
		return;
	}
	/* RFC 9429, 5.2.1: a section that is only for the bundle has no ICE credentials and no candidates of its own. */
	bool transport = !own->no_transport && !own->bundle_only;
	if (is_media(own))
		put_media(t, own, mid, transport);
	else
		put_data(t, own, offered, mid, transport);
	if (own->bundle_only)
		sdp_put(t, "a=bundle-only\r\n");
}

/* ---- all of it ---- */

size_t sdp_mirror_size(const struct sdp *offer) {
	char nothing;
	struct sdp_writer t = {.at = &nothing};
	for (size_t i = 0; i < offer->section_count; i++)
		put_rejected(&t, &offer->sections[i]);
	size_t mids = 0; /* they stand in a=group as well, each with a blank */
	for (size_t i = 0; i < offer->bundle_count; i++)
		mids += offer->sections[offer->bundle[i]].mid.len + 1;
	return t.len + mids;
}

static const struct sdp_own_section *answer_to(const struct sdp_description *d, size_t index) {
	for (size_t i = 0; i < d->section_count; i++) {
		if (d->sections[i].answers == index)
			return &d->sections[i];
	}
	return NULL;
}

int sdp_format(const struct sdp_description *d, char *text, size_t size) {
	struct sdp_writer t = {.at = text, .room = size};
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
