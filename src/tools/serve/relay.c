/* relay: the channel "relay": a file from one browser to another, through us. We never hold more of it than one message.
 *
 *   sender   to us        {"type":"offer","to":4,"name":"a.txt","size":n}
 *   we       to the other a channel "relay" of ours, {"type":"offer","from":3,"fromName":"Ann","name":"a.txt","size":n}
 *   other    to us        {"type":"accept"} or {"type":"decline"}, passed on as everything is from here on, text and binary, both
 *                         ways; by agreement: the n bytes from the sender, {"type":"progress","bytes":n} and {"type":"done"} back
 *   we                    {"type":"error","text":...} where it cannot go on. When one side closes, the other is closed. */
#include <string.h>

#include "base/text.h"
#include "tools/serve/service.h"

#define NAME_MAX_BYTES 255
/* What may wait here for a receiver that is slower than the sender. */
#define HIGH_WATER (1 << 20)

struct relay {
	struct service service;
	struct relay *other; /* NULL before the offer, and once the other side is gone */
	bool ours;           /* the channel that we opened, to the receiver */
	json_t *offer;       /* ours: said once it is open */
};

static void part(struct relay *r) {
	struct relay *other = r->other;
	r->other = NULL;
	if (!other)
		return;
	other->other = NULL;
	sluice_channel_close(other->service.channel);
}

static void begin_relay(struct relay *r, const json_t *object) {
	struct client *from = r->service.client;
	json_t *to = json_object_get(object, "to"), *size = json_object_get(object, "size");
	const char *name = object_text(object, "name");
	if (strcmp(object_type(object), "offer") || !json_is_integer(to) || !json_is_integer(size) ||
	    json_integer_value(size) < 0 || !*name || strlen(name) > NAME_MAX_BYTES) {
		service_fail(&r->service, "expected an offer: to whom, a name and a size");
		return;
	}
	json_int_t number = json_integer_value(to);
	struct client *c = number > 0 && number <= UINT32_MAX ? clients_by_number(from->serve, (uint32_t)number) : NULL;
	struct relay *other = c && c != from ? (struct relay *)service_open(c, &relay_kind) : NULL;
	if (!other) {
		service_fail(&r->service, c == from ? "this is you" : "whom it is for is not there, or busy");
		return;
	}
	other->ours = true;
	other->other = r;
	r->other = other;
	char shown[NAME_MAX_BYTES + 1];
	text_name(name, strlen(name), shown, sizeof shown);
	other->offer = json_pack("{s:s, s:i, s:s, s:s, s:I}", "type", "offer", "from", (int)from->number, "fromName", from->name,
	                         "name", shown, "size", json_integer_value(size));
}

static void relay_opened(struct service *sv) {
	struct relay *r = (struct relay *)sv;
	sluice_channel_set_high_water(sv->channel, HIGH_WATER);
	if (!r->offer)
		return;
	service_say(sv, r->offer);
	r->offer = NULL;
}

static void relay_message(struct service *sv, sluice_message *m, bool text) {
	struct relay *r = (struct relay *)sv;
	if (r->other) {
		if (!service_forward(sv, &r->other->service, m, text))
			service_fail(sv, "it cannot be passed on");
		return;
	}
	if (r->ours)
		return; /* the sender is gone */
	json_t *object = service_read(m, text);
	begin_relay(r, object);
	json_decref(object);
}

/* There is room towards this side again: what came from the other one and had to wait. */
static void relay_writable(struct service *sv) {
	struct relay *r = (struct relay *)sv;
	if (r->other && !service_flush(&r->other->service, sv))
		service_fail(&r->other->service, "it cannot be passed on");
}

static void relay_closed(struct service *sv) {
	struct relay *r = (struct relay *)sv;
	json_decref(r->offer);
	part(r);
}

const struct service_kind relay_kind = {
	.label = "relay",
	.size = sizeof(struct relay),
	.opens_at_once = 16,
	.open_interval = (500 * SLUICE_MS),
	.limit = 8,
	.opened = relay_opened,
	.message = relay_message,
	.writable = relay_writable,
	.closed = relay_closed,
};
