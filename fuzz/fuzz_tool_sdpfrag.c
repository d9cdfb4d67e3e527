/* fuzz_tool_sdpfrag: can a fragment of SDP, or a description that it changes, break their reader?
 *
 * The input is a fragment, a NUL, and an offer. A fragment that can be read is written, and what was written must say the same
 * when it is read again. If it has credentials, it changes the offer; then the offer's own fragment must have these credentials,
 * and no candidate but those of the fragment. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "tools/sdpfrag.h"
#include "tools/secret.h"

static bool same(const char *a, const char *b) {
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static size_t of_first_section(const struct sdpfrag *f) {
	size_t n = 0;
	for (size_t i = 0; i < f->candidate_count; i++)
		n += f->candidates[i].section <= 1;
	return n;
}

static void judge_written(const struct sdpfrag *f, size_t len) {
	struct sdpfrag again;
	size_t size = 2 * len + 1024;
	char *text = malloc(size);
	MUST(text);
	size_t n = sdpfrag_write(f, text, size);
	MUST(n == strlen(text) && (n > 0) == (*text != 0));
	MUST(n == 0 || sdpfrag_write(f, text, n) == 0); /* one byte too few */
	MUST(sdpfrag_read(&again, text, n, NULL) == NULL);
	MUST(same(f->ufrag, again.ufrag) && same(f->pwd, again.pwd) && same(f->bundle, again.bundle));
	MUST(same(f->options, again.options) && f->lite == again.lite && f->end_of_candidates == again.end_of_candidates);
	MUST(again.candidate_count == of_first_section(f));
	sdpfrag_free(&again);
	free(text);
}

static void judge_changed(const struct sdpfrag *f, const char *offer, size_t len) {
	struct sdpfrag before, after;
	size_t n;
	bool readable = !sdpfrag_read(&before, offer, len, NULL);
	char *changed = sdpfrag_apply(f, offer, len, &n);
	MUST(changed && changed[n] == 0);
	MUST(!readable || sdpfrag_read(&after, changed, n, NULL) == NULL);
	if (readable) {
		MUST(!before.ufrag || (same(after.ufrag, f->ufrag) && same(after.pwd, f->pwd)));
		MUST(after.candidate_count == of_first_section(f) && after.end_of_candidates == f->end_of_candidates);
		sdpfrag_free(&after);
		sdpfrag_free(&before);
	}
	secret_free(changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const char *text = (const char *)data;
	size_t len = strnlen(text, size), rest = len < size ? len + 1 : size;
	struct sdpfrag f;
	unsigned line;
	if (size == 0)
		return 0;
	MUST(!memchr(text, 0, size) || sdpfrag_read(&f, text, size, &line) != NULL);
	if (sdpfrag_read(&f, text, len, &line))
		return 0;
	MUST(line == 0);
	judge_written(&f, len);
	if (f.ufrag)
		judge_changed(&f, text + rest, size - rest);
	sdpfrag_free(&f);
	return 0;
}
