/* whip_clients: who answers the offers of WHIP and WHEP in `sluice serve`? Each session is a client (client.h), with the services
 * that its channels name; where the offer has audio or video, it is a member of the room too (forward/room.h). The ops' ctx is
 * the struct serve. */
#ifndef TOOLS_SERVE_WHIP_CLIENTS_H
#define TOOLS_SERVE_WHIP_CLIENTS_H

#include "tools/serve/whip.h"

extern const struct whip_ops whip_clients_ops;

#endif
