/* log: see its header. */
#include "tools/serve/log.h"

#include "sluice.h"
#include "tools/tools.h"

#define WARNINGS_AT_ONCE 5
#define WARNING_INTERVAL (10 * SLUICE_S)

void log_line(const struct log *l, const char *format, ...) {
	if (!l->verbose)
		return;
	va_list args;
	va_start(args, format);
	say_line(stderr, "", format, args);
	va_end(args);
}

void log_warn(struct log *l, const char *format, ...) {
	char text[512];
	va_list args;
	if (!rate_take(&l->warnings, WARNING_INTERVAL, WARNINGS_AT_ONCE, sluice_now())) {
		l->left_out++;
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (l->left_out)
		complain("serve: %s (and %u such lines that were left out)", text, l->left_out);
	else
		complain("serve: %s", text);
	l->left_out = 0;
}
