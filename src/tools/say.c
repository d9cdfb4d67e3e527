/* say: how the tool speaks to people, on stderr, and makes sure that what it printed got out. */
#include <stdarg.h>
#include <stdio.h>

#include "tools/tools.h"

/* What the other side sent (a reason, a name) may stand in it, and it goes to a terminal: control characters do not get there. */
static void make_harmless(char *text) {
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = '?';
}

void complain(const char *format, ...) {
	char text[2048];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	make_harmless(text);
	fprintf(stderr, "sluice: %s\n", text);
}

int usage_error(const char *command, const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("sluice: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\nTry 'sluice %s%s--help'.\n", command, *command ? " " : "");
	va_end(args);
	return EXIT_USAGE;
}

int finish_output(int exit_code) {
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_code;
	complain("cannot write to standard output");
	return exit_code == EXIT_OK ? EXIT_FAILED : exit_code;
}
