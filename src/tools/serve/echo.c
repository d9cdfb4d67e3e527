/* echo: every channel whose label is not known. Each message goes back as it came. */
#include "tools/serve/service.h"

static void echo_message(struct service *sv, sluice_message *m, bool text) {
	if (!service_forward(sv, sv, m, text))
		sluice_channel_close(sv->channel);
}

static void echo_writable(struct service *sv) {
	if (!service_flush(sv, sv))
		sluice_channel_close(sv->channel);
}

const struct service_kind echo_kind = {
	.label = "echo",
	.size = sizeof(struct service),
	.limit = SERVE_CHANNELS_MAX,
	.message = echo_message,
	.writable = echo_writable,
};
