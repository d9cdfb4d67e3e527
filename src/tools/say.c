/* say: how the tool speaks to people, on stderr, and makes sure that what it printed got out. */
#include <string.h>

#include "base/text.h"
#include "tools/tools.h"

/* What the other side sent (a reason, a name) may stand in any line, and a terminal obeys control characters. */
void say_line(FILE *to, const char *before, const char *format, va_list args) {
	char text[2048], line[sizeof text];
	vsnprintf(text, sizeof text, format, args);
	text_line(text, strlen(text), line, sizeof line);
	fprintf(to, "%s%s\n", before, line);
}

void complain(const char *format, ...) {
	va_list args;
	va_start(args, format);
	say_line(stderr, "sluice: ", format, args);
	va_end(args);
}

void print_line(const char *format, ...) {
	va_list args;
	va_start(args, format);
	say_line(stdout, "", format, args);
	va_end(args);
}

int usage_error(const char *command, const char *format, ...) {
	va_list args;
	va_start(args, format);
	say_line(stderr, "sluice: ", format, args);
	va_end(args);
	fprintf(stderr, "Try 'sluice %s%s--help'.\n", command, *command ? " " : "");
	return EXIT_USAGE;
}

int finish_output(int exit_code) {
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_code;
	complain("cannot write to standard output");
	return exit_code == EXIT_OK ? EXIT_FAILED : exit_code;
}
