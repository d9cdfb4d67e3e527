/* pages: which page does a path ask for, and of which type is it? */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tools/serve/pages.h"

const struct page *pages_find(const char *path) {
	const char *name = strcmp(path, "/") == 0 ? "/index.html" : path;
	for (size_t i = 0; i < embedded_page_count; i++)
		if (name[0] == '/' && strcmp(embedded_pages[i].name, name + 1) == 0)
			return &embedded_pages[i];
	return NULL;
}

const char *pages_type(const struct page *page) {
	static const struct {
		const char *end, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".svg", "image/svg+xml"},
	};
	const char *dot = strrchr(page->name, '.');
	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (strcmp(dot, types[i].end) == 0)
			return types[i].type;
	return "application/octet-stream";
}

int pages_open(const struct page *page, const char *folder) {
	char path[4096];
	int len = snprintf(path, sizeof path, "%s/%s", folder, page->name);
	return len > 0 && (size_t)len < sizeof path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
}
