/* transfer: names, hashes as text, and control messages; see transfer.h for what they say. */
#include "tools/transfer.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/text.h"
#include "sluice.h"

/* NAME.part.state has to fit into a file name too. */
#define NAME_LIMIT (255 - 11)

bool transfer_safe_name(const char *name, char *out, size_t size) {
	const char *part = name;
	for (const char *at = name; *at; at++)
		if (*at == '/' || *at == '\\')
			part = at + 1;
	size_t len = strlen(part);
	if (len == 0 || len > NAME_LIMIT || len >= size || strcmp(part, ".") == 0 || strcmp(part, "..") == 0)
		return false;
	if (text_name(part, len, out, size) >= size)
		return false;
	if (out[0] == '.')
		out[0] = '_';
	/* What we keep beside a part is nothing that another end may write. */
	size_t suffix = strlen(".state");
	len = strlen(out);
	if (len >= suffix && strcmp(out + len - suffix, ".state") == 0)
		out[len - suffix] = '_';
	return true;
}

void transfer_reason(const char *reason, char *text, size_t size) {
	size_t len = (size_t)snprintf(text, size, "the other side: ");
	if (!reason)
		reason = "it gives no reason";
	text_line(reason, strlen(reason), text + len, size - len);
}

void transfer_hex(const uint8_t *bytes, size_t len, char *hex) {
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

void transfer_crc(uint32_t state, char hex[TRANSFER_HEX_MAX]) {
	snprintf(hex, TRANSFER_HEX_MAX, "%08" PRIx32, crc32c_finish(state));
}

bool transfer_put(struct transfer_outbox *o, json_t *json) {
	char *text = json && o->count < sizeof o->texts / sizeof *o->texts ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (text)
		o->texts[o->count++] = text;
	return text != NULL;
}

int transfer_flush(struct transfer_outbox *o, const struct transfer_wire *wire) {
	while (o->count) {
		int error = wire->send(wire->ctx, true, o->texts[0], strlen(o->texts[0]));
		if (error)
			return error;
		free(o->texts[0]);
		o->count--;
		memmove(o->texts, o->texts + 1, o->count * sizeof *o->texts);
	}
	return 0;
}

void transfer_clear(struct transfer_outbox *o) {
	while (o->count)
		free(o->texts[--o->count]);
}

json_t *transfer_parse(const void *data, size_t len, const char **type) {
	json_t *json = data && len <= TRANSFER_CONTROL_MAX ? json_loadb(data, len, 0, NULL) : NULL;
	*type = json_string_value(json_object_get(json, "type"));
	if (*type)
		return json;
	json_decref(json);
	return NULL;
}
