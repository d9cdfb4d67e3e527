/* rtcp_twcc_write: how are arrivals told in few bytes? draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1.
 *
 * The packet has two lists, chunks of symbols and behind them the deltas, and where the second begins is known when the first
 * is done. So the arrivals are walked twice: the first walk writes chunks and counts bytes, the second writes deltas. No buffer
 * lies between them. */
#include "rtp/rtcp_write.h"
#include "sluice/env.h"
#include "sluice/error.h"

#define FIXED (RTCP_HEADER + 16)
/* The most that one chunk takes with its deltas, apart from a run, which is cut to fit. */
#define LARGEST_CHUNK (2 + 14)
#define LONGEST_RUN 8191 /* 13 bits */

/* The symbols are those of the draft, and just the bytes that their delta takes. The last is for us: no delta can say it. */
enum { NOT_RECEIVED = 0, SMALL_DELTA = 1, LARGE_DELTA = 2, TOO_FAR = 3 };

/* The arrivals that are still to be told, and the time of the last that was. */
struct walk {
	const uint64_t *at, *end;
	int64_t tick;
};

/* Ticks are cut from the absolute time, so that roundings do not add up. */
static unsigned step(struct walk *w, int64_t *delta) {
	uint64_t arrival = *w->at++;
	*delta = 0;
	if (arrival == SLUICE_NEVER)
		return NOT_RECEIVED;
	int64_t tick = (int64_t)(arrival / RTCP_TWCC_TICK_NS);
	*delta = tick - w->tick;
	w->tick = tick;
	if (*delta >= 0 && *delta <= UINT8_MAX)
		return SMALL_DELTA;
	return *delta >= INT16_MIN && *delta <= INT16_MAX ? LARGE_DELTA : TOO_FAR;
}

/* The symbols of the next arrivals, up to 14 of them, or up to one that is too far. */
struct ahead {
	uint8_t symbols[14];
	unsigned count, run; /* how many; how many of these are like the first */
	bool has_large;
};

static struct ahead look_ahead(struct walk w) {
	struct ahead a = {.count = 0};
	int64_t delta;
	for (unsigned symbol; a.count < 14 && w.at < w.end && (symbol = step(&w, &delta)) != TOO_FAR; a.count++) {
		a.symbols[a.count] = (uint8_t)symbol;
		a.run += a.run == a.count && symbol == a.symbols[0];
		a.has_large |= symbol == LARGE_DELTA;
	}
	return a;
}

/* How many of the next arrivals have this symbol, as far as the room for their deltas and the 13 bits of length go? */
static unsigned run_length(struct walk w, unsigned symbol, size_t room) {
	size_t most = symbol && room / symbol < LONGEST_RUN ? room / symbol : LONGEST_RUN;
	unsigned length = 0;
	int64_t delta;
	while (length < most && w.at < w.end && step(&w, &delta) == symbol)
		length++;
	return length;
}

static unsigned vector_word(const struct ahead *a, unsigned count, unsigned bits) {
	unsigned word = bits == 1 ? 0x8000 : 0xC000;
	for (unsigned i = 0; i < count; i++)
		word |= (unsigned)a->symbols[i] << (14 - bits * (i + 1));
	return word;
}

/* Chooses the next chunk: the one that says most in its two bytes. A vector that is not full must be the last chunk, and it is:
 * fewer symbols are ahead only at the end, or before an arrival that is too far. Returns how many arrivals it covers. */
static unsigned next_chunk(const struct walk *w, size_t room, uint16_t *word) {
	struct ahead a = look_ahead(*w);
	if (a.count == 0 || room < 2)
		return 0;
	if (a.run == a.count || (a.has_large && a.run >= 7)) {
		unsigned length = run_length(*w, a.symbols[0], room - 2);
		*word = (uint16_t)(a.symbols[0] << 13 | length);
		return length;
	}
	unsigned count = a.has_large && a.count > 7 ? 7 : a.count;
	*word = (uint16_t)vector_word(&a, count, a.has_large ? 2 : 1);
	return room < LARGEST_CHUNK ? 0 : count;
}

/* Passes count arrivals; returns how many bytes their deltas take. */
static size_t pass(struct walk *w, unsigned count) {
	size_t bytes = 0;
	int64_t delta;
	for (unsigned i = 0; i < count; i++)
		bytes += step(w, &delta);
	return bytes;
}

/* Writes chunks until the arrivals or the room end. Returns the bytes of the chunks, and in *deltas those of the deltas. */
static size_t put_chunks(uint8_t *at, size_t room, struct walk *w, size_t *deltas) {
	size_t used = 0;
	uint16_t word;
	*deltas = 0;
	for (unsigned count; (count = next_chunk(w, room - used - *deltas, &word)) > 0; used += 2) {
		put_be16(at + used, word);
		*deltas += pass(w, count);
	}
	return used;
}

static uint8_t *put_deltas(uint8_t *at, struct walk w) {
	int64_t delta;
	while (w.at < w.end) {
		unsigned symbol = step(&w, &delta);
		if (symbol == SMALL_DELTA)
			at[0] = (uint8_t)delta;
		else if (symbol == LARGE_DELTA)
			put_be16(at, (uint16_t)delta);
		at += symbol;
	}
	return at;
}

static uint64_t first_arrival(const uint64_t *arrivals, size_t n) {
	for (size_t i = 0; i < n; i++)
		if (arrivals[i] != SLUICE_NEVER)
			return arrivals[i];
	return SLUICE_NEVER;
}

int rtcp_write_twcc(struct rtcp_writer *w, uint32_t ssrc, uint32_t media, uint8_t feedback, uint64_t base,
                    const uint64_t *arrivals, size_t n) {
	n = n < UINT16_MAX ? n : UINT16_MAX;
	uint64_t first = first_arrival(arrivals, n);
	if (first == SLUICE_NEVER)
		return SLUICE_INVALID;
	size_t room = rtcp_write_room(w);
	if (room < FIXED + LARGEST_CHUNK)
		return SLUICE_NO_SPACE;
	uint64_t reference = first / (RTCP_TWCC_TICK_NS * RTCP_TWCC_REFERENCE_TICKS);
	int64_t start = (int64_t)(reference * RTCP_TWCC_REFERENCE_TICKS);
	struct walk walk = {.at = arrivals, .end = arrivals + n, .tick = start};
	uint8_t *chunks = w->start + w->len + FIXED;
	size_t deltas, used = put_chunks(chunks, room - FIXED, &walk, &deltas);
	/* The end is padded with zeros and without the P bit, as the draft's picture has it: the deltas say where they end. */
	size_t body = pad4(used + deltas), count = (size_t)(walk.at - arrivals);
	uint8_t *tail = put_deltas(chunks + used, (struct walk){.at = arrivals, .end = walk.at, .tick = start});
	memset(tail, 0, body - used - deltas);
	uint8_t *at = rtcp_write_space(w, RTCP_PT_RTPFB, RTCP_FMT_TWCC, FIXED + body);
	put_be32(at, ssrc);
	put_be32(at + 4, media);
	put_be16(at + 8, (uint16_t)base);
	put_be16(at + 10, (uint16_t)count);
	put_be32(at + 12, (uint32_t)(reference << 8) | feedback);
	return (int)count;
}
