/* store: the folder that files come into and go out of.
 *
 * Names are plain file names: no slash, no leading dot, UTF-8 whose characters all print, at most STORE_NAME_MAX bytes. Only
 * regular files are listed and opened, links are not followed, so nothing outside the folder is ever reached. What comes in is
 * written under a hidden name, and appears under its own (or "name (2)", when that is taken) when it is complete.
 *
 *   used == sum(size of the files listed) + sum(size announced for what is coming in) <= quota, when it is counted */
#ifndef TOOLS_SERVE_STORE_H
#define TOOLS_SERVE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STORE_NAME_MAX 200
#define STORE_FILES_MAX 500 /* their list has to fit in one message */

struct store;
struct incoming;

/* NULL with errno set when the folder cannot be opened. */
struct store *store_open(const char *folder, uint64_t max_file, uint64_t quota);
void store_close(struct store *s);
uint64_t store_max_file(const struct store *s);

/* Calls back for each file, in no order. */
void store_list(const struct store *s, void (*each)(const char *name, uint64_t size, int64_t modified, void *ctx), void *ctx);

/* A file to read, or -1 with errno. */
int store_read(const struct store *s, const char *name, uint64_t *size);

/* A file to write, of exactly that size. NULL and *why, a sentence. */
struct incoming *store_write(struct store *s, const char *name, uint64_t size, const char **why);
/* Writes the next bytes. Returns NULL, or why they were not written. */
const char *store_incoming_add(struct incoming *in, const void *data, size_t len);
uint64_t store_incoming_size(const struct incoming *in);
uint64_t store_incoming_done(const struct incoming *in);
/* Complete: gives the file its name (written to `name`) and frees `in`. NULL, or why not. */
const char *store_incoming_finish(struct incoming *in, char *name, size_t size);
/* Not complete: removes it and frees `in`. */
void store_incoming_drop(struct incoming *in);

#endif
