/* transfer_blocks: see its header. */
#include "tools/transfer_blocks.h"

#include <stdbool.h>
#include <stdlib.h>

/*   live == blocks that somebody has a reference on */
struct block_home {
	struct block *idle;
	size_t live;
	bool left;
};

struct block_home *block_home_new(void) {
	return calloc(1, sizeof(struct block_home));
}

static void free_idle(struct block_home *home) {
	while (home->idle) {
		struct block *b = home->idle;
		home->idle = b->next;
		free(b);
	}
}

void block_home_leave(struct block_home *home) {
	if (!home)
		return;
	home->left = true;
	free_idle(home);
	if (home->live == 0)
		free(home);
}

struct block *block_new(struct block_home *home) {
	struct block *b = home->idle;
	if (b)
		home->idle = b->next;
	else if (!(b = malloc(sizeof *b)))
		return NULL;
	b->home = home;
	b->refs = 1;
	b->len = 0;
	home->live++;
	return b;
}

void block_ref(struct block *b) {
	b->refs++;
}

void block_unref(void *block) {
	struct block *b = block;
	if (!b || --b->refs > 0)
		return;
	struct block_home *home = b->home;
	b->next = home->idle;
	home->idle = b;
	home->live--;
	if (home->left && home->live == 0)
		block_home_leave(home);
	else if (home->left)
		free_idle(home);
}
