/* Logging: the library writes nothing by itself; an app that wants lines gives a hook to its environment. */
#ifndef SLUICE_LOG_H
#define SLUICE_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

enum sluice_log_level {
	SLUICE_LOG_ERROR = 0, /* something was given up */
	SLUICE_LOG_WARN = 1,  /* the peer or the system did something odd; we went on */
	SLUICE_LOG_INFO = 2,  /* state changes */
	SLUICE_LOG_DEBUG = 3, /* handshakes and timers; never per packet */
};

/* `line` is valid UTF-8 without control and format characters (so without a newline), whatever a peer wrote that stands in it,
 * and is there during the call only. Called on the thread that called into the library. The hook must not call the library. */
typedef void (*sluice_log_fn)(void *ctx, enum sluice_log_level level, const char *line);

#ifdef __cplusplus
}
#endif
#endif
