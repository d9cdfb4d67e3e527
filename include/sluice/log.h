/* Logging: the library writes no lines by itself. An app that wants them sets a hook in sluice_env_config. */
#ifndef SLUICE_LOG_H
#define SLUICE_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

enum sluice_log_level {
	SLUICE_LOG_ERROR = 0, /* something was given up */
	SLUICE_LOG_WARN = 1,  /* the peer or the system did something odd, and we went on */
	SLUICE_LOG_INFO = 2,  /* state changes */
	SLUICE_LOG_DEBUG = 3, /* handshakes and timers, but nothing for each packet */
};

/* Gets one line, without a newline. The line is valid UTF-8 without control and format characters, also where it repeats what a
 * peer wrote, and lives during the call. The hook runs on the thread that called the library, and must not call the library. */
typedef void (*sluice_log_fn)(void *ctx, enum sluice_log_level level, const char *line);

#ifdef __cplusplus
}
#endif
#endif
