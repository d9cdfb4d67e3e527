/* An app as a user writes it: it sees only the installed headers and links what the pkg-config file names. */
#include <sluice.h>

#include <stdio.h>

int main(void) {
	static uint8_t packet[2048];
	sluice_env *env;
	sluice_sctp *association;
	sluice_batch batch = {.data = packet, .capacity = sizeof packet};
	if (sluice_env_new(NULL, &env) != 0 || sluice_sctp_new(env, NULL, &association) != 0)
		return 1;
	int error = sluice_sctp_connect(association);
	int packets = sluice_sctp_output(association, &batch, SLUICE_S);
	printf("%s, %d packet, %zu bytes\n", sluice_error_text(error), packets, sluice_batch_len(&batch));
	sluice_sctp_free(association);
	sluice_env_free(env);
	return error == 0 && packets == 1 ? 0 : 1;
}
