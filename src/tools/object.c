/* object: see its header. */
#include "tools/object.h"

json_t *object_parse(const char *text, size_t len) {
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

const char *object_text(const json_t *object, const char *key) {
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

const char *object_type(const json_t *object) {
	return object_text(object, "type");
}

char *object_dump(json_t *object) {
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return text;
}
