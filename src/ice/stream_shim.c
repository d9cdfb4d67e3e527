/* stream_shim: streams are not known to the agent yet; whoever gives it ice_stream_up and ice_stream_down removes this file. */
#include "ice/ice.h"

void ice_stream_up(struct ice *ice, uint32_t id, uint32_t socket, const struct sockaddr_storage *local, uint64_t now) {
	(void)ice, (void)id, (void)socket, (void)local, (void)now;
}

void ice_stream_down(struct ice *ice, uint32_t socket, uint64_t now) {
	(void)ice, (void)socket, (void)now;
}
