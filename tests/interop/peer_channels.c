/* peer_channels: the commands about channels: what each one received, and what it does with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "interop/peer.h"

#define DIGEST 32

enum mode { KEEP, ECHO, SINK, COUNT };

/* Where a bulk stands. */
struct bulk {
	long long count, size, next;
	bool numbered, hash;
	double started;
	EVP_MD_CTX *sent;
};

struct channel {
	struct channel *next;
	struct agent *agent;
	sluice_channel *ch; /* NULL behind its close */
	char *name;
	enum mode mode;
	json_t *events, *kept;
	uint64_t count, bytes, texts;
	double first, last, opened_at;
	EVP_MD_CTX *received; /* SHA-256 over the SHA-256 of every message */
	uint64_t at_low;      /* buffered amount at the last on_buffered_low */
	bool low;
	char *held; /* the next message of a bulk, or the echo that did not fit */
	size_t held_length;
	bool holds, held_text;
	struct bulk *bulk; /* under way */
};

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static void *must(void *p) {
	if (!p)
		abort();
	return p;
}

static void fill_random(char *data, size_t size) {
	for (size_t at = 0; at < size;) {
		ssize_t n = getrandom(data + at, size - at, 0);
		if (n < 0 && errno != EINTR)
			abort();
		at += n > 0 ? (size_t)n : 0;
	}
}

static json_t *hex(const unsigned char *data, size_t length) {
	static const char digits[] = "0123456789abcdef";
	char *text = must(malloc(2 * length + 1));
	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 15];
	}
	json_t *out = json_stringn(text, 2 * length);
	free(text);
	return out;
}

static unsigned char nibble(char c) {
	return (unsigned char)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

static EVP_MD_CTX *chain_new(void) {
	EVP_MD_CTX *chain = must(EVP_MD_CTX_new());
	EVP_DigestInit_ex(chain, EVP_sha256(), NULL);
	return chain;
}

static void chain_add(EVP_MD_CTX *chain, const void *data, size_t length) {
	unsigned char digest[DIGEST];
	EVP_Digest(data, length, digest, NULL, EVP_sha256(), NULL);
	EVP_DigestUpdate(chain, digest, sizeof digest);
}

static json_t *chain_text(const EVP_MD_CTX *chain) {
	unsigned char digest[DIGEST];
	EVP_MD_CTX *copy = must(EVP_MD_CTX_new());
	EVP_MD_CTX_copy_ex(copy, chain);
	EVP_DigestFinal_ex(copy, digest, NULL);
	EVP_MD_CTX_free(copy);
	return hex(digest, sizeof digest);
}

/* As page.js describes a message: short ones by their content, long ones by length and hash. */
static void describe_message(json_t *out, const void *data, size_t length, bool text) {
	if (length <= 64) {
		json_object_set_new(out, text ? "text" : "binary", text ? json_stringn(data, length) : hex(data, length));
		return;
	}
	unsigned char digest[DIGEST];
	EVP_Digest(data, length, digest, NULL, EVP_sha256(), NULL);
	json_object_set_new(out, "size", json_integer((json_int_t)length));
	json_object_set_new(out, "sha256", hex(digest, sizeof digest));
	if (text)
		json_object_set_new(out, "text", json_true());
}

static int send_as(sluice_channel *ch, const void *data, size_t length, bool text) {
	return text ? sluice_channel_send_text(ch, data, length) : sluice_channel_send(ch, data, length);
}

/* ---- what channels tell ------------------------------------------------------------------------------------------ */

static void note(struct channel *c, const char *event) {
	json_array_append_new(c->events, json_string(event));
}

static void on_open(sluice_channel *ch, void *user) {
	(void)ch;
	struct channel *c = user;
	c->opened_at = wall_ms();
	note(c, "open");
	agent_poke(c->agent);
}

static void hold(struct channel *c, const void *data, size_t length, bool text) {
	c->held = must(realloc(c->held, length + 1));
	if (length)
		memcpy(c->held, data, length);
	c->held_length = length;
	c->held_text = text;
	c->holds = true;
}

/* Sends what is held. Returns 0 when nothing is held any more. */
static int send_held(struct channel *c) {
	int error = c->holds ? send_as(c->ch, c->held, c->held_length, c->held_text) : 0;
	if (error != SLUICE_WOULD_BLOCK)
		c->holds = false;
	return error;
}

static void echo(struct channel *c, const void *data, size_t length, bool text) {
	if (send_as(c->ch, data, length, text) != SLUICE_WOULD_BLOCK)
		return;
	hold(c, data, length, text);
	sluice_channel_pause(c->ch);
}

static void keep(struct channel *c, const void *data, size_t length, bool text) {
	json_t *message = json_object();
	describe_message(message, data, length, text);
	json_array_append_new(c->kept, message);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	struct channel *c = user;
	c->last = wall_ms();
	if (c->count++ == 0)
		c->first = c->last;
	c->bytes += m->len;
	c->texts += text;
	if (c->mode != COUNT) {
		const void *data = must((void *)sluice_message_data(m));
		if (c->mode == ECHO)
			echo(c, data, m->len, text);
		else if (c->mode == SINK)
			chain_add(c->received, data, m->len);
		else
			keep(c, data, m->len, text);
	}
	agent_poke(c->agent);
}

static void on_writable(sluice_channel *ch, void *user) {
	struct channel *c = user;
	if (c->mode == ECHO && c->holds && send_held(c) != SLUICE_WOULD_BLOCK)
		sluice_channel_resume(ch);
	agent_poke(c->agent);
}

static void on_buffered_low(sluice_channel *ch, void *user) {
	struct channel *c = user;
	c->at_low = sluice_channel_buffered_amount(ch);
	c->low = true;
	note(c, "bufferedamountlow");
	agent_poke(c->agent);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	(void)lost;
	struct channel *c = user;
	c->ch = NULL;
	if (error)
		note(c, "error");
	note(c, "close");
	agent_poke(c->agent);
}

static const sluice_channel_callbacks callbacks = {.on_open = on_open,
                                                   .on_message = on_message,
                                                   .on_writable = on_writable,
                                                   .on_buffered_low = on_buffered_low,
                                                   .on_closed = on_closed};

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static enum mode mode_of(const json_t *request) {
	const char *mode = json_string_value(json_object_get(request, "mode"));
	if (!mode)
		return KEEP;
	return strcmp(mode, "echo") == 0 ? ECHO : strcmp(mode, "sink") == 0 ? SINK : strcmp(mode, "count") == 0 ? COUNT : KEEP;
}

static struct channel *channel_new(struct agent *a, const char *name, size_t length) {
	struct channel *c = must(calloc(1, sizeof *c));
	c->agent = a;
	c->name = must(strndup(name, length));
	c->mode = mode_of(a->options);
	c->events = json_array();
	c->kept = json_array();
	c->received = chain_new();
	c->next = a->channels;
	a->channels = c;
	return c;
}

static void bulk_free(struct bulk *b) {
	if (b)
		EVP_MD_CTX_free(b->sent);
	free(b);
}

static void channel_free(struct channel *c) {
	bulk_free(c->bulk);
	json_decref(c->events);
	json_decref(c->kept);
	EVP_MD_CTX_free(c->received);
	free(c->held);
	free(c->name);
	free(c);
}

void channels_take(struct agent *a, sluice_channel *ch) {
	size_t length;
	const char *label = sluice_channel_label(ch, &length);
	struct channel *c = channel_new(a, label, length);
	c->ch = ch;
	c->opened_at = wall_ms();
	note(c, "open");
	sluice_channel_set_callbacks(ch, &callbacks, c);
}

void channels_drop_all(struct agent *a) {
	while (a->channels) {
		struct channel *c = a->channels;
		a->channels = c->next;
		if (c->ch)
			sluice_channel_set_callbacks(c->ch, &(sluice_channel_callbacks){0}, NULL);
		channel_free(c);
	}
}

uint64_t channels_max_message(const struct agent *a) {
	for (const struct channel *c = a->channels; c; c = c->next)
		if (c->ch)
			return sluice_channel_max_message_size(c->ch);
	return 0;
}

static struct channel *find(const struct agent *a, const json_t *request) {
	const char *name = json_string_value(json_object_get(request, "name"));
	struct channel *c = a->channels;
	while (c && name && strcmp(c->name, name) != 0)
		c = c->next;
	return name ? c : NULL;
}

/* The channel that the request names; without one the command has failed. */
static struct channel *named(const struct agent *a, const json_t *request, json_t *answer) {
	struct channel *c = find(a, request);
	if (!c)
		fail(answer, "no such channel", SLUICE_NOT_FOUND);
	return c;
}

static struct channel *named_open(const struct agent *a, const json_t *request, json_t *answer) {
	struct channel *c = named(a, request, answer);
	if (c && !c->ch)
		fail(answer, "the channel is closed", SLUICE_CLOSED);
	return c && c->ch ? c : NULL;
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static bool command_open(struct agent *a, json_t *request, json_t *answer) {
	const char *name = json_string_value(json_object_get(request, "name"));
	const char *label = json_string_value(json_object_get(request, "label"));
	long long retransmits = number(request, "maxRetransmits", -1), lifetime = number(request, "maxPacketLifeTime", -1);
	struct channel *c = channel_new(a, name, strlen(name));
	sluice_channel_config config = {
		.label = label ? label : name,
		.protocol = json_string_value(json_object_get(request, "protocol")),
		.unordered = json_is_false(json_object_get(request, "ordered")),
		.reliability = retransmits >= 0 ? SLUICE_MAX_RETRANSMITS
	                       : lifetime >= 0  ? SLUICE_LIFETIME
	                                        : SLUICE_RELIABLE,
		.reliability_value = (uint32_t)(retransmits >= 0 ? retransmits
	                                        : lifetime >= 0  ? lifetime
	                                                         : 0),
		.negotiated = flag(request, "negotiated"),
		.id = (int32_t)number(request, "id", -1),
		.callbacks = callbacks,
		.user = c,
	};
	int error = sluice_peer_open_channel(a->peer, &config, &c->ch);
	return error ? fail(answer, "sluice_peer_open_channel", error) : true;
}

static json_t *state_name(const struct channel *c) {
	static const char *const names[] = {"connecting", "open", "closing", "closed"};
	return json_string(names[c->ch ? sluice_channel_state(c->ch) : SLUICE_CHANNEL_CLOSED]);
}

static bool command_opened(struct agent *a, json_t *request, json_t *answer) {
	const struct channel *c = find(a, request);
	if (!c || c->opened_at <= 0)
		return false;
	json_object_set_new(answer, "state", state_name(c));
	json_object_set_new(answer, "at", json_real(c->opened_at));
	if (!c->ch)
		return true;
	size_t length;
	uint32_t value;
	enum sluice_reliability reliability = sluice_channel_reliability(c->ch, &value);
	const char *label = sluice_channel_label(c->ch, &length);
	json_object_set_new(answer, "label", json_stringn(label, length));
	const char *protocol = sluice_channel_protocol(c->ch, &length);
	json_object_set_new(answer, "protocol", json_stringn(protocol, length));
	json_object_set_new(answer, "ordered", json_boolean(!sluice_channel_is_unordered(c->ch)));
	json_object_set_new(answer, "negotiated", json_boolean(sluice_channel_is_negotiated(c->ch)));
	json_object_set_new(answer, "id", json_integer(sluice_channel_id(c->ch)));
	json_object_set_new(answer, "maxRetransmits", reliability == SLUICE_MAX_RETRANSMITS ? json_integer(value) : json_null());
	json_object_set_new(answer, "maxPacketLifeTime", reliability == SLUICE_LIFETIME ? json_integer(value) : json_null());
	return true;
}

static bool command_close(struct agent *a, json_t *request, json_t *answer) {
	struct channel *c = named(a, request, answer);
	if (!c)
		return true;
	if (c->ch)
		sluice_channel_close(c->ch);
	json_object_set_new(answer, "state", state_name(c));
	return true;
}

static bool command_closed(struct agent *a, json_t *request, json_t *answer) {
	const struct channel *c = named(a, request, answer);
	if (!c)
		return true;
	if (c->ch)
		return false;
	json_object_set(answer, "events", c->events);
	json_object_set_new(answer, "state", state_name(c));
	json_object_set_new(answer, "count", json_integer((json_int_t)c->count));
	return true;
}

/* Behind its close: the name is free for another one. */
static bool command_forget(struct agent *a, json_t *request, json_t *answer) {
	struct channel *c = named(a, request, answer);
	if (!c)
		return true;
	if (c->ch)
		return fail(answer, "the channel is not closed", SLUICE_WRONG_STATE);
	struct channel **at = &a->channels;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	channel_free(c);
	return true;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static bool command_mode(struct agent *a, json_t *request, json_t *answer) {
	struct channel *c = named(a, request, answer);
	if (c)
		c->mode = mode_of(request);
	return true;
}

/* The bytes of `text`, `binary` (as hex) or `size` random ones; the caller frees them. */
static char *content(const json_t *request, size_t *length, bool *text) {
	const json_t *words = json_object_get(request, "text"), *digits = json_object_get(request, "binary");
	*text = words;
	*length = words    ? json_string_length(words)
	          : digits ? json_string_length(digits) / 2
	                   : (size_t)number(request, "size", 0);
	char *data = must(malloc(*length + 1));
	if (words)
		memcpy(data, json_string_value(words), *length);
	else if (!digits)
		fill_random(data, *length);
	for (size_t i = 0; digits && i < *length; i++) {
		const char *pair = json_string_value(digits) + 2 * i;
		data[i] = (char)(nibble(pair[0]) << 4 | nibble(pair[1]));
	}
	return data;
}

static bool command_send(struct agent *a, json_t *request, json_t *answer) {
	struct channel *c = named_open(a, request, answer);
	if (!c)
		return true;
	size_t length;
	bool text;
	char *data = content(request, &length, &text);
	int error = send_as(c->ch, data, length, text);
	if (!error)
		describe_message(answer, data, length, text);
	else if (error == SLUICE_TOO_LARGE)
		json_object_set_new(answer, "refused", json_string(sluice_error_name(error)));
	free(data);
	if (error == SLUICE_WOULD_BLOCK)
		return false;
	return error && error != SLUICE_TOO_LARGE ? fail(answer, "sluice_channel_send", error) : true;
}

static bool command_take(struct agent *a, json_t *request, json_t *answer) {
	struct channel *c = named(a, request, answer);
	if (!c)
		return true;
	if (json_array_size(c->kept) == 0)
		return c->ch ? false : fail(answer, "the channel closed without that message", SLUICE_CLOSED);
	json_object_update(answer, json_array_get(c->kept, 0));
	json_array_remove(c->kept, 0);
	return true;
}

static bool command_received(struct agent *a, json_t *request, json_t *answer) {
	struct channel *c = named(a, request, answer);
	if (!c)
		return true;
	if (c->count < (uint64_t)number(request, "count", 0))
		return c->ch ? false : fail(answer, "the channel closed before that many came", SLUICE_CLOSED);
	json_object_set_new(answer, "count", json_integer((json_int_t)c->count));
	json_object_set_new(answer, "bytes", json_integer((json_int_t)c->bytes));
	json_object_set_new(answer, "texts", json_integer((json_int_t)c->texts));
	json_object_set_new(answer, "first", json_real(c->first));
	json_object_set_new(answer, "last", json_real(c->last));
	json_object_set_new(answer, "sha256", chain_text(c->received));
	return true;
}

/* ---- many messages ----------------------------------------------------------------------------------------------- */

static void bulk_make_next(struct channel *c, struct bulk *b) {
	if (b->numbered) {
		char text[32];
		int length = snprintf(text, sizeof text, "%lld", b->next);
		hold(c, text, (size_t)length, true);
	} else {
		bool again = !b->hash && b->next > 0; /* the bytes of the one before will do */
		c->held_length = (size_t)b->size;
		c->held = must(realloc(c->held, c->held_length + 1));
		if (!again)
			fill_random(c->held, c->held_length);
		c->held_text = false;
		c->holds = true;
	}
	if (b->hash)
		chain_add(b->sent, c->held, c->held_length);
	b->next++;
}

static bool bulk_end(struct channel *c, json_t *answer, int error) {
	const struct bulk *b = c->bulk;
	if (error)
		fail(answer, "sluice_channel_send", error);
	json_object_set_new(answer, "sha256", b->hash ? chain_text(b->sent) : json_string(""));
	json_object_set_new(answer, "started", json_real(b->started));
	bulk_free(c->bulk);
	c->bulk = NULL;
	return true;
}

static struct bulk *bulk_new(const json_t *request) {
	struct bulk *b = must(calloc(1, sizeof *b));
	b->count = number(request, "count", 0);
	b->size = number(request, "size", 0);
	b->numbered = flag(request, "numbered");
	b->hash = !json_is_false(json_object_get(request, "hash"));
	b->started = wall_ms();
	b->sent = chain_new();
	return b;
}

/* As many messages as the channel takes, whenever it takes some. */
static bool command_bulk(struct agent *a, json_t *request, json_t *answer) {
	struct channel *c = named(a, request, answer);
	if (!c)
		return true;
	if (!c->bulk)
		c->bulk = bulk_new(request);
	while (c->holds || c->bulk->next < c->bulk->count) {
		if (!c->ch)
			return bulk_end(c, answer, SLUICE_CLOSED);
		if (!c->holds)
			bulk_make_next(c, c->bulk);
		int error = send_held(c);
		if (error == SLUICE_WOULD_BLOCK)
			return false;
		if (error)
			return bulk_end(c, answer, error);
	}
	return bulk_end(c, answer, 0);
}

/* Queues many bytes at once and tells how the buffered amount and its callback went. */
static bool fill(struct channel *c, json_t *request) {
	static char data[16384];
	long long bytes = number(request, "bytes", 0);
	sluice_channel_set_high_water(c->ch, (uint64_t)bytes + sizeof data);
	sluice_channel_set_buffered_low(c->ch, (uint64_t)number(request, "threshold", 0));
	c->low = false;
	json_object_set_new(request, "before", json_integer((json_int_t)sluice_channel_buffered_amount(c->ch)));
	bool grew = true;
	for (long long sent = 0; sent < bytes; sent += (long long)sizeof data) {
		uint64_t amount = sluice_channel_buffered_amount(c->ch);
		if (sluice_channel_send(c->ch, data, sizeof data))
			return false;
		grew = grew && sluice_channel_buffered_amount(c->ch) == amount + sizeof data;
	}
	json_object_set_new(request, "full", json_integer((json_int_t)sluice_channel_buffered_amount(c->ch)));
	json_object_set_new(request, "grew", json_boolean(grew));
	return true;
}

static bool command_fill(struct agent *a, json_t *request, json_t *answer) {
	static const char *const told[] = {"before", "full", "grew", "at_low"};
	struct channel *c = named_open(a, request, answer);
	if (!c)
		return true;
	if (!json_object_get(request, "before") && !fill(c, request))
		return fail(answer, "sluice_channel_send", SLUICE_WOULD_BLOCK);
	if (c->low && !json_object_get(request, "at_low")) {
		json_object_set_new(request, "at_low", json_integer((json_int_t)c->at_low));
		sluice_channel_set_buffered_low(c->ch, 0);
	}
	uint64_t amount = sluice_channel_buffered_amount(c->ch);
	if (!json_object_get(request, "at_low") || amount > 0)
		return false;
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		json_object_set(answer, told[i], json_object_get(request, told[i]));
	json_object_set_new(answer, "end", json_integer((json_int_t)amount));
	return true;
}

const struct command channel_commands[] = {
	{"open", command_open},         {"opened", command_opened}, {"close", command_close}, {"closed", command_closed},
	{"forget", command_forget},     {"mode", command_mode},     {"send", command_send},   {"take", command_take},
	{"received", command_received}, {"bulk", command_bulk},     {"fill", command_fill},   {NULL, NULL},
};
