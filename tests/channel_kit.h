/* channel_kit: two ends with a channel set each (or, at one end, a bare association that a test plays by hand) in the
 * simulator's world, and an app on them that writes down what it is told.
 *
 * Every callback leaves a word in the end's journal, so a test can say in one string what must have happened and in which
 * order: "connected channel:chat open:chat message:chat:5 closed:chat:0:0". Every message is kept with its bytes.
 * channels_check() runs after every dispatch; leaks fail the test when the world ends. */
#ifndef TESTS_CHANNEL_KIT_H
#define TESTS_CHANNEL_KIT_H

#include "suite.h"

#include "dcep/channels.h"
#include "sim/assert.h"
#include "sim/memory.h"
#include "sim/packets.h"
#include "sim/sim.h"
#include "sluice/error.h"

#define KIT_APPS 256
#define KIT_JOURNAL 16384

struct end;

/* A message as it arrived. */
struct got {
	char *data;
	size_t len;
	uint32_t ppid;
	uint16_t stream;
	bool text, unordered;
};

/* The app's side of one channel; it stays when the channel is gone. */
struct app {
	struct end *end;
	sluice_channel *ch; /* NULL after on_closed */
	char name[32];      /* the label, or what of it fits */
	unsigned opens, closes, writables, lows;
	int error;
	uint64_t lost;
	struct got *got;
	size_t got_count, got_capacity;
	size_t got_bytes;
	bool forget; /* keep no copies of what arrives */
	void (*on_open)(struct app *app);
	void (*on_message)(struct app *app, sluice_message *m);
	void (*on_writable)(struct app *app);
	void (*on_low)(struct app *app);
	void (*on_closed)(struct app *app);
	void *ctx;
};

struct end {
	sluice_sctp *sctp; /* first: sim/sctp_node.h */
	struct sim *sim;
	struct sim_host *host;
	const char *name;
	struct memory memory;
	struct rng entropy;
	sluice_env *env;
	sluice_sctp_config sctp_config;
	sluice_channels_config config;
	sluice_channels *set;             /* NULL: raw */
	bool raw;                         /* no set: events go to `seen` and to messages of apps[0] */
	sluice_sctp_event seen[KIT_APPS]; /* raw: events but messages */
	size_t seen_count;
	struct app apps[KIT_APPS];
	size_t app_count;
	unsigned connected, ended;
	int end_error;
	uint64_t connected_at;
	char journal[KIT_JOURNAL];
	size_t journal_len;
	void (*on_channel)(struct app *app); /* the peer's new channel */
	void (*on_connected)(struct end *end);
	void (*on_ended)(struct end *end);
	void *ctx;
};

struct world {
	struct sim sim;
	struct end a, b; /* a: DTLS client */
	struct sim_link *ab, *ba;
};

struct world_config {
	uint64_t seed;
	struct link_config link;
	sluice_sctp_config a_sctp, b_sctp;
	sluice_channels_config a, b; /* on_channel is set by the kit unless deaf */
	bool b_raw, a_deaf, b_deaf;  /* deaf: no on_channel */
};

#define KIT_DELAY (10 * SLUICE_MS)

void world_config_init(struct world_config *c);
struct world *world_new(const struct world_config *c); /* NULL: the defaults */
/* The same, connected. */
struct world *world_up(const struct world_config *c);
void world_connect(struct world *w);
/* Lets that much time pass. */
void world_run(struct world *w, uint64_t ns);
/* Until the condition holds, looking every millisecond; false when it did not within two minutes. */
#define world_until(w, condition)                                                                                                \
	__extension__({                                                                                                          \
		for (unsigned ms_ = 0; ms_ < 120000 && !(condition); ms_++)                                                      \
			world_run(w, SLUICE_MS);                                                                                 \
		(bool)(condition);                                                                                               \
	})
void world_free(struct world *w);
/* Frees an end's set and association now, as an app may in a callback; the machine stays. */
void end_free_set(struct end *end);
void end_free_sctp(struct end *end);
/* The machine crashed: a new association and a new set. */
void end_reboot(struct end *end);

/* Opens with the kit's callbacks; fails the test when it cannot. */
struct app *end_open(struct end *end, const sluice_channel_config *config);
struct app *end_open_label(struct end *end, const char *label);
/* What sluice_channel_open returns. */
int end_try_open(struct end *end, const sluice_channel_config *config);
/* The app of the channel that had this label last; NULL: none. */
struct app *end_app(struct end *end, const char *label);
const struct channels_counters *end_counters(struct end *end);
/* A message as a raw peer sends it, reliable and ordered. */
void end_raw_send(struct end *end, uint16_t stream, uint32_t ppid, const void *data, size_t len);
void end_raw_open(struct end *end, uint16_t stream, const char *label);
/* Raw: how many events of this type came for the stream. */
unsigned end_saw(const struct end *end, enum sluice_sctp_event_type type, uint16_t stream);

/* Sends a message of len bytes that starts with its number, and checks one. */
int app_send_number(struct app *app, uint32_t number, size_t len);
/* Fits on_open and on_channel. */
void app_send_hello(struct app *app);
uint32_t got_number(const struct got *g);
void end_note(struct end *end, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ck_assert_journal(end, text) ck_assert_str_eq((end)->journal, text)

#endif
