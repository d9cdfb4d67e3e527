/* answers.c: the ring of answers that wait to leave. */
#include "ice/answers.h"

#include <string.h>

#include "ice/embed.h"
#include "ice/emit.h"
#include "ice/pair.h"

void answers_add(struct ice *ice, const struct answer *a) {
	if (!ice->answers)
		ice->answers = env_alloc(ice->env, ICE_ANSWER_MAX * sizeof *ice->answers);
	if (!ice->answers)
		return;
	if (ice->answer_count == ICE_ANSWER_MAX) { /* the oldest one goes: its sender asks again */
		ice->answer_first = (ice->answer_first + 1) % ICE_ANSWER_MAX;
		ice->answer_count--;
	}
	ice->answers[(ice->answer_first + ice->answer_count++) % ICE_ANSWER_MAX] = *a;
}

/* Between two checks, five seconds apart, a peer needs no ring. The pool has another one when the next request comes. */
static void give_back_empty(struct ice *ice) {
	if (ice->answer_count > 0)
		return;
	env_free(ice->env, ice->answers);
	ice->answers = NULL;
	ice->answer_first = 0;
}

static void forget_if(struct ice *ice, const struct session *s, uint32_t socket) {
	size_t kept = 0;
	for (size_t i = 0; i < ice->answer_count; i++) {
		const struct answer *a = &ice->answers[(ice->answer_first + i) % ICE_ANSWER_MAX];
		if (a->session != s && a->path.socket != socket)
			ice->answers[(ice->answer_first + kept++) % ICE_ANSWER_MAX] = *a;
	}
	ice->answer_count = kept;
	give_back_empty(ice);
}

void answers_forget(struct ice *ice, const struct session *s) {
	forget_if(ice, s, ICE_NO_SOCKET);
}

void answers_forget_socket(struct ice *ice, uint32_t socket) {
	forget_if(ice, NULL, socket);
}

void answers_drop(struct ice *ice) {
	ice->answer_count = 0;
	give_back_empty(ice);
}

static void put_unknown(struct stun_writer *w, const struct answer *a) {
	uint8_t list[sizeof a->unknown];
	for (size_t i = 0; i < a->unknown_count; i++) {
		list[2 * i] = (uint8_t)(a->unknown[i] >> 8);
		list[2 * i + 1] = (uint8_t)a->unknown[i];
	}
	stun_put(w, STUN_ATTR_UNKNOWN_ATTRIBUTES, list, 2u * a->unknown_count);
}

static size_t compose_answer(struct ice *ice, const struct answer *a, uint8_t *space) {
	struct stun_writer w;
	stun_begin(&w, space, ICE_MESSAGE_MAX, a->error ? STUN_ERROR : STUN_SUCCESS, STUN_BINDING, a->id);
	if (a->error == 0)
		stun_put_address(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, &a->path.remote);
	else
		stun_put_error(&w, a->error, a->error == 487 ? "Role Conflict" : "Unknown Attribute");
	if (a->unknown_count)
		put_unknown(&w, a);
	if (a->error == 0)
		embed_compose(ice, &w, STUN_SUCCESS, a->id);
	return stun_end(&w, a->session->pwd, strlen(a->session->pwd), true);
}

int answers_output(struct ice *ice, sluice_batch *batch) {
	struct answer a = ice->answers[ice->answer_first];
	ice->answer_first = (ice->answer_first + 1) % ICE_ANSWER_MAX;
	ice->answer_count--;
	give_back_empty(ice);
	size_t len = compose_answer(ice, &a, emit_place(batch));
	struct pair *p = pair_find(a.session, &a.path);
	if (p)
		p->responses_sent++;
	return emit_message(ice, batch, &a.path, len);
}
