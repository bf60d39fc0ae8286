/*
 * taker.c: is what comes the reply that is right? See taker.h.
 */
#include "config.h"

#include "tests/tools/taker.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void taker_begin(struct taker *taker, const char *right, size_t len)
{
	taker->state = TAKE_HEAD;
	taker->right = right;
	taker->right_len = len;
	taker->got = taker->len = 0;
	taker->text[0] = '\0';
}

int taker_has_begun(const struct taker *taker)
{
	return taker->state != TAKE_HEAD || taker->len > 0;
}

/* The last octet of the body, or of its framing, has come. */
static enum taken take_end(struct taker *taker)
{
	taker->state = TAKE_NOTHING;
	return !taker->right || taker->got == taker->right_len ? TAKEN_WHOLE : TAKEN_WRONG_BODY;
}

static enum taken take_head(struct taker *taker)
{
	struct reply *reply = &taker->reply;
	if (read_reply(reply, taker->line, taker->len) != 1)
		return TAKEN_NOT_HTTP;
	if (reply->status != 200)
		return TAKEN_WRONG_STATUS;
	if (!reply->chunked && taker->right && reply->body != taker->right_len)
		return TAKEN_WRONG_BODY;
	taker->left = reply->body;
	taker->state = reply->chunked ? TAKE_SIZE : TAKE_BODY;
	return !reply->chunked && reply->body == 0 ? take_end(taker) : TAKEN_PART;
}

static enum taken take_size(struct taker *taker)
{
	char *end;
	taker->left = strtoull(taker->line, &end, 16);
	/* strtoull would take blanks and signs as well. */
	if (!isxdigit((unsigned char)taker->line[0]) || (*end != '\r' && *end != ';'))
		return TAKEN_NOT_HTTP;
	taker->state = taker->left > 0 ? TAKE_BODY : TAKE_TRAILER;
	return TAKEN_PART;
}

/* A line is there, or the head with its empty line. */
static enum taken take_line(struct taker *taker)
{
	int empty = taker->len == 2 && taker->line[0] == '\r';
	switch (taker->state) {
	case TAKE_HEAD:
		return take_head(taker);
	case TAKE_SIZE:
		return take_size(taker);
	case TAKE_CHUNK_END:
		taker->state = TAKE_SIZE;
		return empty ? TAKEN_PART : TAKEN_NOT_HTTP;
	case TAKE_TRAILER:
		return empty ? take_end(taker) : TAKEN_PART;
	case TAKE_BODY:
	case TAKE_NOTHING:
		break;
	}
	return TAKEN_TOO_MUCH;
}

static int line_is_there(const struct taker *taker)
{
	const char *end = taker->line + taker->len;
	if (end[-1] != '\n')
		return 0;
	return taker->state != TAKE_HEAD ||
	       (taker->len >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0);
}

static enum taken take_octet(struct taker *taker, char octet)
{
	enum taken taken;
	if (taker->state == TAKE_NOTHING)
		return TAKEN_TOO_MUCH;
	if (taker->len == sizeof taker->line - 1)
		return TAKEN_NOT_HTTP;
	taker->line[taker->len++] = octet;
	taker->line[taker->len] = '\0';
	if (!line_is_there(taker))
		return TAKEN_PART;
	taken = take_line(taker);
	taker->len = 0;
	return taken;
}

static int is_right(struct taker *taker, const char *data, size_t len)
{
	if (taker->right)
		return len <= taker->right_len - taker->got &&
		       memcmp(taker->right + taker->got, data, len) == 0;
	if (len >= sizeof taker->text - taker->got)
		return 0;
	memcpy(taker->text + taker->got, data, len);
	taker->text[taker->got + len] = '\0';
	return 1;
}

static enum taken take_body(struct taker *taker, const char *data, size_t len)
{
	if (!is_right(taker, data, len))
		return TAKEN_WRONG_BODY;
	taker->got += len;
	taker->left -= len;
	if (taker->left > 0)
		return TAKEN_PART;
	if (!taker->reply.chunked)
		return take_end(taker);
	taker->state = TAKE_CHUNK_END;
	return TAKEN_PART;
}

enum taken taker_take(struct taker *taker, const char *data, size_t len)
{
	enum taken taken = TAKEN_PART;
	while (len > 0) {
		size_t used = 1;
		if (taken == TAKEN_WHOLE)
			return TAKEN_TOO_MUCH;
		if (taker->state == TAKE_BODY) {
			used = len < taker->left ? len : (size_t)taker->left;
			taken = take_body(taker, data, used);
		} else {
			taken = take_octet(taker, *data);
		}
		if (taken > TAKEN_WHOLE)
			return taken;
		data += used;
		len -= used;
	}
	return taken;
}
