/* fuzz_dependency: can a sender break the reading of its dependency descriptors, or the structure that it has sent before?
 *
 * The input: descriptors of one stream, a length byte before each. Whatever is refused must leave the structure as it was, and
 * one that was read must say the same behind a rewriting. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "rtp/dependency.h"
#include "sluice/error.h"

static void check_choice(const struct dependency_structure *s) {
	for (unsigned spatial = 0; spatial < DEPENDENCY_SPATIALS; spatial++) {
		int target = dependency_choose(s, spatial, spatial);
		MUST(target < (int)s->targets && (target < 0 || (s->active >> target & 1)));
	}
}

/* The same under another number, with all ids moved by 17. */
static void check_rewritten(const struct dependency_structure *before, uint8_t *data, size_t len, const struct dependency *said) {
	struct dependency_structure moved = *before;
	struct dependency again;
	moved.offset = (uint8_t)((moved.offset + 17) % 64);
	dependency_rewrite(data, len, (uint16_t)(said->number + 1), 17);
	MUST(dependency_read(&moved, data, len, &again) == 0 && dependency_structure_check(&moved));
	MUST(again.number == (uint16_t)(said->number + 1) && again.template_id == (said->template_id + 17) % 64);
	MUST(again.keyframe == said->keyframe && memcmp(&again.frame, &said->frame, sizeof again.frame) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct dependency_structure s, before;
	struct dependency d;
	const uint8_t *end = data + size;
	memset(&s, 0, sizeof s);
	while (data < end) {
		size_t len = target_left(data + 1, end, data[0]);
		uint8_t *copy = malloc(len ? len : 1);
		MUST(copy);
		memcpy(copy, data + 1, len);
		before = s;
		int result = dependency_read(&s, copy, len, &d);
		MUST(result == 0 || result == SLUICE_MALFORMED || result == SLUICE_NOT_FOUND);
		MUST(dependency_structure_check(&s) && (result == 0 || memcmp(&s, &before, sizeof s) == 0));
		MUST(d.frame.diff_count <= DEPENDENCY_DIFFS || result < 0);
		check_choice(&s);
		if (result == 0)
			check_rewritten(&before, copy, len, &d);
		free(copy);
		data += 1 + len;
	}
	return 0;
}
