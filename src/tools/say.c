/* say: how the tool speaks to people, on stderr, and makes sure that what it printed got out. */
#include <stdarg.h>
#include <stdio.h>

#include "tools/tools.h"

void complain(const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("sluice: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
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
