/* sdp_kit: the descriptions of real peers in tests/vectors/sdp, and short ways to read others. */
#ifndef TESTS_SDP_KIT_H
#define TESTS_SDP_KIT_H

#include <stdio.h>

#include "sdp/sdp.h"
#include "sluice/error.h"
#include "suite.h"

#define SDP_FP_A "sha-256 A0:1B:C2:85:D1:67:2B:53:F6:66:12:05:CB:0D:25:A8:EB:54:BC:C8:7F:B2:ED:9E:42:5C:65:74:84:A4:56:69"
#define SDP_FP_B "sha-256 B0:1B:C2:BA:FD:59:9F:A6:7F:6B:FD:0C:D1:31:3A:26:2D:BA:78:FD:39:C7:DD:D1:74:B8:5A:00:8D:85:96:C0"
#define SDP_PWD "7clZGrngUxbrjFeDYSD+G+Q0"

#define SDP_OPENING "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define SDP_DATA_LINE "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
#define SDP_CREDENTIALS "a=ice-ufrag:yH6Y\r\na=ice-pwd:" SDP_PWD "\r\n"
#define SDP_DTLS "a=fingerprint:" SDP_FP_A "\r\na=setup:actpass\r\n"
#define SDP_DATA(mid) SDP_DATA_LINE SDP_CREDENTIALS SDP_DTLS "a=mid:" mid "\r\na=sctp-port:5000\r\n"
#define SDP_AUDIO(port, mid) "m=audio " port " UDP/TLS/RTP/SAVPF 111 63 9\r\nc=IN IP4 0.0.0.0\r\na=mid:" mid "\r\n"

/* Reads the text of a vector into a block of exactly its size. */
static inline char *sdp_load(const char *name, size_t *len) {
	char path[256];
	snprintf(path, sizeof path, "tests/vectors/sdp/%s", name);
	FILE *f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s", path);
	static char space[1 << 16];
	*len = fread(space, 1, sizeof space, f);
	fclose(f);
	char *text = malloc(*len);
	ck_assert(text && *len > 0);
	return memcpy(text, space, *len);
}

/* Memory of descriptions; the process of a test ends with it. */
static inline sluice_env *sdp_env(void) {
	static sluice_env *env;
	if (!env)
		ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	return env;
}

/* A text that has to be right. What was read lives as long as the test. */
static inline struct sdp *sdp_parsed(const char *text) {
	static struct sdp *kept[1024];
	static size_t count;
	struct sdp *sdp;
	struct sdp_fault fault;
	int error = sdp_parse(sdp_env(), text, strlen(text), &sdp, &fault);
	ck_assert_msg(error == 0, "line %u: %s", fault.line, fault.text);
	ck_assert(fault.line == 0 && fault.text == NULL && count < sizeof kept / sizeof *kept);
	return kept[count++] = sdp;
}

/* The data section, which has to be there. */
static inline const struct sdp_section *sdp_data(const struct sdp *sdp) {
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	ck_assert_ptr_nonnull(data);
	return data;
}

/* -1: there is none. */
static inline int sdp_data_index(const struct sdp *sdp) {
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	return data ? (int)(data - sdp->sections) : -1;
}

static inline void sdp_slice_eq(struct sdp_slice s, const char *text) {
	ck_assert_msg(s.s && s.len == strlen(text) && memcmp(s.s, text, s.len) == 0, "\"%.*s\" is not \"%s\"", (int)s.len,
	              s.s ? s.s : "(absent)", text);
}

#endif
