/* transfer_place: where in the folder does a file that comes go?
 *
 * While it is incomplete it is NAME.part, and NAME.part.state says whose: its size and the tag that its sender gave it. A part is
 * gone on with for that tag alone. When it is complete it gets NAME, or NAME (2), NAME (3) ... where that is taken: what is there
 * is replaced by force only, and what this place named itself not even then. Whatever a neighbour planted in the folder (links,
 * pipes, folders), bytes go to files that this place made and to nothing else. It hashes nothing and knows no protocol. */
#ifndef TOOLS_TRANSFER_PLACE_H
#define TOOLS_TRANSFER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACE_TAG_MAX 80

/* What the sender says of a file. */
struct place_file {
	char name[256];          /* made safe by transfer_safe_name() */
	char tag[PLACE_TAG_MAX]; /* "": it has none, so its part is not gone on with */
	uint64_t size;
	int64_t mtime;
};

struct json_t;

/* One file at a time. fd >= 0 exactly while a part is open, and locked. */
struct place {
	int folder;
	bool force;
	struct json_t *given; /* the names that files of this run got, as keys */
	int fd;
	char name[256], part[264], note[272]; /* while fd >= 0; after place_finish() name is what the file got */
};

/* Takes the folder's descriptor over. False when there is no memory. */
bool place_init(struct place *p, int folder, bool force);
void place_clear(struct place *p);

/* Opens the part of the file, a new one or the one that this sender began: *present bytes are there. 0 or errno. */
int place_open(struct place *p, const struct place_file *file, uint64_t *present);
/* A file that is there and may be the same one: a descriptor to read it, or -1. None with force. */
int place_rival(const struct place *p, const struct place_file *file);
/* The part is complete: its time and its name. 0 or errno; the part is closed either way. */
int place_finish(struct place *p, const struct place_file *file);
/* Closes the part; the next transfer may go on with it. */
void place_close(struct place *p);
/* Closes the part and removes it. */
void place_drop(struct place *p);

#endif
