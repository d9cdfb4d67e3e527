/* signal_message: one message of the signalling as text. */
#include <stdlib.h>
#include <string.h>

#include "tools/object.h"
#include "tools/secret.h"
#include "tools/signalling.h"

static const char *const kind_names[] = {[SIGNAL_OFFER] = "offer", [SIGNAL_ANSWER] = "answer", [SIGNAL_CANDIDATE] = "candidate"};

char *signal_encode(enum signal_kind kind, const char *text, const char *mid) {
	json_t *json = kind == SIGNAL_CANDIDATE ? json_pack("{s:s, s:s, s:s}", "type", kind_names[kind], "candidate", text,
	                                                    "sdpMid", mid ? mid : "0")
	                                        : json_pack("{s:s, s:s}", "type", kind_names[kind], "sdp", text);
	return object_dump(json);
}

/* ---- base64 (RFC 4648, 4) ------------------------------------------------------------------------------------------ */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *base64_encode(const char *text, size_t len) {
	char *out = malloc((len + 2) / 3 * 4 + 1), *to = out;
	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = 0;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (i + k < len ? (uint8_t)text[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			*to++ = i + k <= len ? alphabet[v >> (18 - 6 * k) & 63] : '=';
	}
	*to = 0;
	return out;
}

/* Padding and what a terminal or a mail put between the letters is skipped. NULL for a letter that is none. */
static char *base64_decode(const char *text, size_t len, size_t *out_len) {
	char *out = malloc(len / 4 * 3 + 4), *to = out;
	uint32_t v = 0;
	unsigned bits = 0;
	for (size_t i = 0; out && i < len; i++) {
		const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
		if (!at && strchr("= \t\r\n", text[i]) && text[i])
			continue;
		if (!at) {
			secret_free(out);
			return NULL;
		}
		v = v << 6 | (uint32_t)(at - alphabet);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*to++ = (char)(v >> bits);
		}
	}
	*out_len = (size_t)(to - out);
	return out;
}

char *signal_encode_line(enum signal_kind kind, const char *text) {
	char *json = signal_encode(kind, text, NULL);
	char *line = json ? base64_encode(json, strlen(json)) : NULL;
	secret_free(json);
	return line;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static const char *read_object(json_t *json, struct signal_message *m) {
	const char *type = json_string_value(json_object_get(json, "type")), *text = NULL;
	if (!type)
		return "it has no \"type\"";
	for (enum signal_kind k = SIGNAL_OFFER; k <= SIGNAL_CANDIDATE; k++)
		if (strcmp(type, kind_names[k]) == 0)
			m->kind = k;
	if (!m->kind)
		return "its \"type\" is none of offer, answer and candidate";
	json_t *field = json_object_get(json, m->kind == SIGNAL_CANDIDATE ? "candidate" : "sdp");
	if (m->kind == SIGNAL_CANDIDATE && json_is_object(field)) /* RTCIceCandidate, wrapped once more */
		field = json_object_get(field, "candidate");
	if (m->kind == SIGNAL_CANDIDATE && json_is_null(field))
		text = ""; /* W3C's end of candidates */
	else
		text = json_string_value(field);
	if (!text)
		return m->kind == SIGNAL_CANDIDATE ? "it has no \"candidate\" text" : "it has no \"sdp\" text";
	m->text = strdup(text);
	return m->text ? NULL : "there is no memory for it";
}

static const char *decode_json(const char *text, size_t len, struct signal_message *m) {
	json_error_t error;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return "it is not JSON";
	const char *wrong = json_is_object(json) ? read_object(json, m) : "it is no JSON object";
	json_decref(json);
	return wrong;
}

const char *signal_decode(const char *text, size_t len, struct signal_message *m) {
	memset(m, 0, sizeof *m);
	while (len && strchr(" \t\r\n", *text) && *text) {
		text++;
		len--;
	}
	if (len == 0)
		return "it is empty";
	if (*text == '{')
		return decode_json(text, len, m);
	size_t json_len;
	char *json = base64_decode(text, len, &json_len);
	if (!json)
		return "it is neither JSON nor base64";
	const char *wrong = decode_json(json, json_len, m);
	secret_free(json);
	return wrong ? "it is not a whole line of the other side" : NULL;
}
