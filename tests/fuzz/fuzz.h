/*
 * fuzz.h: what the fuzzers share.
 *
 * Each *_fuzz.c is one program with libFuzzer's entry; replay.c gives it a main
 * where libFuzzer does not. A finding is a failed assert, a fault or a
 * sanitizer's word: all of them end the program.
 *
 * An input is octets of a message, and behind them, read from the end, octets
 * that say what happens to it: so a plain request with a few octets appended is
 * an input, and what one octet less of the message means is learnt quickly.
 */
#ifndef WEIR_TESTS_FUZZ_H
#define WEIR_TESTS_FUZZ_H

#ifdef NDEBUG
#error "what the fuzzers find is told by assert"
#endif

#include <assert.h>

#include <weir_http.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- input.c: what an input is made of ---- */

enum { FUZZ_MOST = 16 * 1024 }; /* octets of an input; the rest is not looked at */

struct fuzz_input {
	const uint8_t *octets;
	uint32_t len;
};

struct fuzz_input fuzz_input(const uint8_t *data, size_t size);
/* Takes the last octet; '0' when there is none. */
uint8_t fuzz_take(struct fuzz_input *in);
/* Takes two octets for the choice of limits: the defaults, or some that are soon reached. */
weir_limits fuzz_take_limits(struct fuzz_input *in);

/* Where octets may be cut: offsets in ascending order. */
struct fuzz_cuts {
	const uint16_t *at;
	uint32_t n;
};

extern const struct fuzz_cuts fuzz_whole;
/* Takes up to 15 cuts of what is in front of them. Valid until the next call. */
struct fuzz_cuts fuzz_take_cuts(struct fuzz_input *in);
/* Before every octet of this many. Valid until the next call. */
struct fuzz_cuts fuzz_each(uint32_t len);

/* A copy of the octets that ends where memory does. Valid until the next call. */
const uint8_t *fuzz_place(const uint8_t *octets, uint32_t len);

/* ---- follow.c: what the parser says ---- */

enum fuzz_kind {
	FUZZ_HEAD,   /* where it ends; method | minor << 8 | framing << 16 | flags << 24 */
	FUZZ_LEFT,   /* low and high half of the length, where that says how long the body is */
	FUZZ_METHOD, /* begin and end, as of all slices */
	FUZZ_TARGET,
	FUZZ_STATUS, /* the number; for a response, in the place of the two before */
	FUZZ_REASON,
	FUZZ_NAME,
	FUZZ_VALUE,
	FUZZ_BODY,     /* content that is in one piece */
	FUZZ_TRAILERS, /* where they end; how many */
	FUZZ_DONE,     /* where; whether the connection may live on */
	FUZZ_BAD,      /* the refusal */
	FUZZ_MORE,     /* octets done with */
	FUZZ_END       /* what weir_parse_end says of the end of the connection; the refusal */
};

/* An event, with offsets from the first octet of the input, however that was cut. */
struct fuzz_event {
	uint32_t kind, a, b;
};

struct fuzz_log {
	uint32_t n;
	struct fuzz_event events[FUZZ_MOST];
};

struct fuzz_message {
	struct fuzz_input in;
	weir_limits limits;
	bool response;
	weir_method answers; /* each of the responses */
};

/*
 * Gives the octets to a parser, cut there, and writes its events down. What it
 * says of itself is checked on the way: slices in range, no more used than
 * given, an end, and the same answer to whoever asks again after a refusal.
 */
void fuzz_follow(const struct fuzz_message *m, struct fuzz_cuts cuts, struct fuzz_log *log);
void fuzz_assert_same(const struct fuzz_log *a, const struct fuzz_log *b);

/* ---- model.c: what it should say ---- */

/*
 * Asserts that the log of the message is what the grammar of RFC 9112 says,
 * found out by other means: slow, plain and from the whole of the octets.
 */
void fuzz_assert_right(const struct fuzz_message *m, const struct fuzz_log *log);

#endif
