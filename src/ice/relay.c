/* relay: what of the agent's traffic goes through TURN servers? */
#include "ice/agent.h"

static bool is_relayed(uint32_t socket) {
	return socket != ICE_NO_SOCKET && socket & ICE_RELAY_SOCKET;
}

size_t ice_headroom(const struct ice *ice) {
	return ice->selected && is_relayed(ice->selected->path.socket) ? TURN_HEADROOM : 0;
}

int ice_wrap(struct ice *ice, sluice_batch *batch) {
	(void)ice;
	return is_relayed(batch->path.socket) ? SLUICE_NOT_FOUND : 0;
}
