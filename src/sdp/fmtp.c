/* fmtp: which value has a parameter in a=fmtp, or in the restrictions of a=rid? */
#include "sdp/fmtp.h"

static struct sdp_slice trimmed(struct sdp_slice s) {
	while (s.len && (*s.s == ' ' || *s.s == '\t'))
		s = (struct sdp_slice){s.s + 1, s.len - 1};
	while (s.len && (s.s[s.len - 1] == ' ' || s.s[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool sdp_fmtp_get(struct sdp_slice fmtp, const char *name, struct sdp_slice *value) {
	struct sdp_slice one;
	while (fmtp.s && sdp_word(&fmtp, ";", &one)) {
		const char *equal = memchr(one.s, '=', one.len);
		size_t len = equal ? (size_t)(equal - one.s) : one.len;
		if (!equal || !sdp_slice_is_like(trimmed((struct sdp_slice){one.s, len}), name))
			continue;
		*value = trimmed((struct sdp_slice){equal + 1, one.len - len - 1});
		return true;
	}
	return false;
}
