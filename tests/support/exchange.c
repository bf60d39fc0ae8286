/*
 * exchange.c: reads cases, and judges replies.
 *
 * Replies are read strictly: what weir never writes is a fault, whatever the
 * case says.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/exchange.h"

const char exchange_further[] = "GET /further HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n";

/* ---- reading a file ----------------------------------------------------- */

/* "404", "400 or 413", "400 or 200 cut", "100 maybe", "200 head", "200 body TEXT", "200 empty" */
static const char *read_words(struct exchange_reply *reply, char *line)
{
	char *body = strstr(line, " body ");

	if (body) {
		*body = '\0';
		reply->has_body = true;
	}
	reply->status = atoi(line);
	strtok(line, " ");
	for (char *word; (word = strtok(NULL, " "));) {
		if (!strcmp(word, "or"))
			reply->other = atoi((word = strtok(NULL, " ")) ? word : "0");
		else if (!strcmp(word, "cut"))
			reply->cut = true;
		else if (!strcmp(word, "head"))
			reply->bare = true;
		else if (!strcmp(word, "empty"))
			reply->has_body = true;
		else if (!strcmp(word, "maybe"))
			reply->maybe = true;
		else
			return "an unknown word of a reply";
	}
	return body ? fixture_octets(&reply->body, body + 6, body + 6 + strlen(body + 6)) : NULL;
}

static const char *read_reply_line(struct exchange *e, char *line)
{
	char *times = strstr(line, " times ");
	int n = times ? atoi(times + 7) : 1;

	if (times)
		*times = '\0';
	while (n-- > 0) {
		char copy[400];
		const char *fault;

		if (e->nreplies == EXCHANGE_REPLIES || strlen(line) >= sizeof copy)
			return "too many replies, or too long a line";
		fault = read_words(&e->replies[e->nreplies++], strcpy(copy, line));
		if (fault)
			return fault;
	}
	return NULL;
}

static const char *read_expected(struct exchange *e, char *line)
{
	if (line[0] >= '1' && line[0] <= '5')
		return read_reply_line(e, line);
	if (!strcmp(line, "open"))
		e->fate = EXCHANGE_OPEN;
	else if (!strcmp(line, "waits"))
		e->fate = EXCHANGE_WAITS;
	else if (!strcmp(line, "closed unannounced"))
		e->unannounced = true;
	else if (!strncmp(line, "closed after ", 13))
		e->after_ms = atoi(line + 13);
	else if (strcmp(line, "closed") != 0)
		return "an unknown line of what is expected";
	return NULL;
}

static const char *read_how(struct exchange *e, const char *line)
{
	e->half = strstr(line, "half") != NULL;
	e->alone = e->half || strstr(line, "alone") != NULL;
	return e->alone ? NULL : "an unknown way of sending";
}

/* One line of a case; *expected says on which side of the `---` it stands. */
static const char *read_line(struct exchange *e, char *line, bool *expected)
{
	if (!strcmp(line, "---")) {
		*expected = true;
		return NULL;
	}
	if (*expected)
		return *line ? read_expected(e, line) : NULL;
	if (*line == '@')
		return read_how(e, line);
	return fixture_octets(&e->sent, line, line + strlen(line));
}

static struct exchange *next_case(struct exchange *cases, int *n, const char *name)
{
	struct exchange *more = realloc(cases, (size_t)(*n + 1) * sizeof *cases);

	if (!more)
		return cases;
	memset(&more[*n], 0, sizeof *more);
	snprintf(more[*n].name, sizeof more->name, "%s", name);
	++*n;
	return more;
}

struct exchange *exchange_read(const char *path, int *n, char options[200], const char **fault)
{
	FILE *file = fopen(path, "r");
	struct exchange *cases = NULL;
	char *line = NULL;
	size_t size = 0;
	bool expected = true;

	*n = 0;
	*options = '\0';
	*fault = file ? NULL : "it cannot be read";
	while (file && !*fault && getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "= ", 2)) {
			cases = next_case(cases, n, line + 2);
			expected = false;
		} else if (*n > 0) {
			*fault = read_line(&cases[*n - 1], line, &expected);
		} else if (*line == '@') {
			snprintf(options, 200, "%s", line + 1);
		}
	}
	free(line);
	if (file)
		fclose(file);
	return cases;
}

void exchange_free(struct exchange *cases, int n)
{
	for (int i = 0; i < n; i++) {
		fixture_free(&cases[i].sent);
		for (int k = 0; k < cases[i].nreplies; k++)
			fixture_free(&cases[i].replies[k].body);
	}
	free(cases);
}

/* ---- reading replies ---------------------------------------------------- */

struct reply {
	int status;
	bool whole, chunked, close, has_length, has_date;
	size_t length;
	char *body; /* decoded, where it was received */
	size_t len;
};

static const char *read_field(struct reply *r, const char *line)
{
	const char *colon = strstr(line, ": ");

	if (!colon || colon == line || strpbrk(line, " \t") < colon)
		return "a malformed field";
	if (!strncmp(line, "Content-Length: ", 16)) {
		if (r->has_length)
			return "two lengths";
		r->has_length = true;
		r->length = (size_t)strtoull(line + 16, NULL, 10);
	} else if (!strncmp(line, "Transfer-Encoding: ", 19)) {
		r->chunked = true;
		return strcmp(line + 19, "chunked") != 0 ? "a strange coding" : NULL;
	} else if (!strcmp(line, "Connection: close")) {
		r->close = true;
	} else if (!strncmp(line, "Date: ", 6)) {
		if (r->has_date || strlen(line) != 35 || strcmp(line + 31, " GMT") != 0)
			return "a strange date";
		r->has_date = true;
	}
	return NULL;
}

/* "HTTP/1.1 NNN phrase" and fields, up to `end`, where the empty line begins. */
static const char *read_head(struct reply *r, char *head, char *end)
{
	char *line = strstr(head, "\r\n");

	if (strncmp(head, "HTTP/1.1 ", 9) != 0 || head[12] != ' ')
		return "no status line of HTTP/1.1";
	r->status = atoi(head + 9);
	*line = '\0';
	end[2] = '\0';
	for (line += 2; line < end + 2;) {
		char *next = strstr(line, "\r\n");
		const char *fault;

		*next = '\0';
		fault = read_field(r, line);
		if (fault)
			return fault;
		line = next + 2;
	}
	return NULL;
}

/* Moves the chunks together. Returns what is behind the last. */
static char *read_chunks(struct reply *r, char *at, char *end)
{
	r->body = at;
	for (;;) {
		char *line;
		const size_t size = (size_t)strtoull(at, &line, 16);

		if (line == at || end - line < 2 || memcmp(line, "\r\n", 2) != 0)
			return end;
		line += 2;
		if ((size_t)(end - line) < size + 2 || memcmp(line + size, "\r\n", 2) != 0)
			return end;
		memmove(r->body + r->len, line, size);
		r->len += size;
		at = line + size + 2;
		if (size == 0) {
			r->whole = true;
			return at;
		}
	}
}

static char *read_body(struct reply *r, char *at, char *end, bool bare)
{
	const size_t here = (size_t)(end - at);

	r->body = at;
	if (bare || r->status < 200 || r->status == 204 || r->status == 304) {
		r->whole = true;
		return at;
	}
	if (r->chunked)
		return read_chunks(r, at, end);
	/* Without a length it goes on to the end of the connection. */
	r->len = r->has_length && r->length < here ? r->length : here;
	r->whole = !r->has_length || r->len == r->length;
	return at + r->len;
}

static const char *fault_of_head(const struct reply *r)
{
	if (r->status < 200)
		return r->has_length || r->chunked || r->close ? "an interim reply with fields"
		                                               : NULL;
	if (!r->has_date && r->status < 500)
		return "no date";
	if (r->has_length && r->chunked)
		return "a length and chunks";
	if (r->status == 204 && (r->has_length || r->chunked))
		return "a 204 with a length";
	if (!r->has_length && !r->chunked && r->status != 204 && !r->close)
		return "no length and no close";
	return NULL;
}

/* Reads one reply; *at moves behind it. */
static const char *read_reply(struct reply *r, char **at, char *end, bool bare)
{
	char *empty = strstr(*at, "\r\n\r\n");
	const char *fault;

	memset(r, 0, sizeof *r);
	if (!empty)
		return "a head that does not end";
	fault = read_head(r, *at, empty);
	if (!fault)
		fault = fault_of_head(r);
	*at = read_body(r, empty + 4, end, bare);
	return fault;
}

/* ---- judging ------------------------------------------------------------ */

static const char *fault_of_reply(const struct exchange_reply *e, const struct reply *r)
{
	if (r->status != e->status && r->status != e->other)
		return "another status";
	if (!r->whole && !(e->cut && r->status == e->other))
		return "a reply that is not whole";
	if (e->has_body &&
	    (r->len != e->body.len || (r->len && memcmp(r->body, e->body.octets, r->len) != 0)))
		return "another body";
	return NULL;
}

/* Whether the last reply has to. */
static bool announces(const struct exchange *e)
{
	return !e->unannounced && !e->half && e->fate != EXCHANGE_WAITS;
}

static const char *fault_of_replies(const struct exchange *e, char *at, char *end)
{
	static const struct exchange_reply further = {.status = 200};
	const int n = e->nreplies + (e->fate == EXCHANGE_OPEN);

	for (int i = 0; i < n; i++) {
		const struct exchange_reply *expected = i < e->nreplies ? &e->replies[i] : &further;
		struct reply r;
		char *begin = at;
		const char *fault;

		if (expected->maybe && strncmp(at, "HTTP/1.1 1", 10) != 0)
			continue;
		if (at == end)
			return "a reply is missing";
		fault = read_reply(&r, &at, end, expected->bare);
		if (!fault)
			fault = fault_of_reply(expected, &r);
		if (!fault && i < n - 1 && r.close)
			fault = "close announced too early";
		if (!fault && i == n - 1 && !r.close && r.whole && announces(e))
			fault = "close not announced";
		if (fault)
			return fault;
		if (at == begin)
			return "stuck";
	}
	return at == end ? NULL : "something behind the last reply";
}

const char *exchange_fault(const struct exchange *e, const struct exchange_result *result)
{
	char *copy = malloc(result->len + 1);
	const char *fault;

	if (!copy)
		return "no memory";
	memcpy(copy, result->data, result->len + 1);
	if (result->reset)
		fault = "a reset";
	else if (result->closed == (e->fate == EXCHANGE_WAITS))
		fault = result->closed ? "closed" : "not closed";
	else if (result->ms < e->after_ms)
		fault = "closed too soon";
	else if (e->after_ms && result->ms > e->after_ms + 3000)
		fault = "closed too late";
	else
		fault = fault_of_replies(e, copy, copy + result->len);
	free(copy);
	return fault;
}
