/* pages: the files that a browser gets, from the binary or, for whoever changes them, from a folder. */
#ifndef TOOLS_SERVE_PAGES_H
#define TOOLS_SERVE_PAGES_H

#include <stddef.h>

struct page {
	const char *name; /* of the file, without a folder */
	const unsigned char *bytes;
	size_t len;
};

/* What scripts/embed-pages made of src/tools/web. */
extern const struct page embedded_pages[];
extern const size_t embedded_page_count;

/* The page that the path of an URL asks for; "/" is index.html. NULL when there is none. */
const struct page *pages_find(const char *path);
/* Its media type by the end of its name. */
const char *pages_type(const struct page *page);
/* The file of that name in the folder, opened for reading, or -1. Only a page that is embedded as well is looked for there, so no
 * other path ever reaches the file system. */
int pages_open(const struct page *page, const char *folder);

#endif
