/*
 * eventlog.c: a parser's events as lines of text.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/eventlog.h"

enum { ROOM = 128 };

struct log {
	char *text;
	size_t len, size;
	bool failed, in_body;
};

struct reader {
	const struct eventlog_input *in;
	struct log log;
	weir_parser parsers[2];
	weir_field fields[2][ROOM];
	int turn;          /* which of the two is in use */
	size_t start;      /* octets done with */
	const uint8_t *at; /* where octet `start` lies now */
	bool between;      /* no octet of a message has been looked at since the last one */
	bool final;        /* the head that ended last was not of an interim response */
	size_t answered;   /* final responses so far */
};

/* ---- text ---- */

static void put(struct log *log, const char *text, size_t len)
{
	if (log->size - log->len <= len) {
		const size_t size = 2 * (log->size + len) + 256;
		char *text_now = realloc(log->text, size);

		if (!text_now) {
			log->failed = true;
			return;
		}
		log->text = text_now;
		log->size = size;
	}
	memcpy(log->text + log->len, text, len);
	log->len += len;
	log->text[log->len] = '\0';
}

static void put_text(struct log *log, const char *text)
{
	put(log, text, strlen(text));
}

static void put_octets(struct log *log, const uint8_t *octets, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len;) {
		size_t plain = 0;

		while (i + plain < len && octets[i + plain] >= 0x21 && octets[i + plain] <= 0x7e)
			plain++;
		put(log, (const char *)octets + i, plain);
		i += plain;
		if (i < len) {
			const char escape[] = {'\\', 'x', hex[octets[i] >> 4], hex[octets[i] & 15]};

			put(log, escape, sizeof escape);
			i++;
		}
	}
}

/* ---- octets before a page that cannot be read ---- */

static uint8_t *guarded_end(size_t len)
{
	static uint8_t *map;
	static size_t size;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!map || size < len) {
		const int zero = open("/dev/zero", O_RDWR);
		const size_t want = (2 * len / page + 1) * page;
		void *got = mmap(NULL, want + page, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);

		close(zero);
		if (got == MAP_FAILED)
			return NULL;
		if (mprotect((uint8_t *)got + want, page, PROT_NONE) < 0)
			return NULL;
		if (map)
			munmap(map, size + page);
		map = got;
		size = want;
	}
	return map + size;
}

/* ---- events ---- */

static void put_slice(struct reader *r, weir_slice s, size_t len)
{
	if (s.at > len || s.len > len - s.at)
		put_text(&r->log, "(slice out of range)");
	else
		put_octets(&r->log, r->at + s.at, s.len);
}

static void put_line(struct reader *r, const char *word, weir_slice s, size_t len)
{
	put_text(&r->log, word);
	put_slice(r, s, len);
	put_text(&r->log, "\n");
}

static void put_fields(struct reader *r, const char *word, const weir_parser *p, size_t len)
{
	for (uint32_t i = 0; i < p->nfields; i++) {
		put_text(&r->log, word);
		put_slice(r, p->fields[i].name, len);
		put_text(&r->log, ": ");
		put_slice(r, p->fields[i].value, len);
		put_text(&r->log, "\n");
	}
}

static void put_flags(struct log *log, unsigned flags)
{
	if (!(flags & (WEIR_EXPECT_CONTINUE | WEIR_UPGRADE | WEIR_ABSOLUTE | WEIR_TUNNEL)))
		return;
	put_text(log, "flags");
	put_text(log, flags & WEIR_EXPECT_CONTINUE ? " continue" : "");
	put_text(log, flags & WEIR_UPGRADE ? " upgrade" : "");
	put_text(log, flags & WEIR_ABSOLUTE ? " absolute" : "");
	put_text(log, flags & WEIR_TUNNEL ? " tunnel" : "");
	put_text(log, "\n");
}

static void put_version(struct log *log, const weir_parser *p)
{
	put_text(log, p->minor ? "version 1.1\n" : "version 1.0\n");
}

static void put_request_line(struct reader *r, const weir_parser *p, size_t used)
{
	const weir_slice method = {p->target.at - 1 - p->method_len, p->method_len};
	const char *name = weir_method_name((weir_method)p->method);

	put_line(r, "method ", method, used);
	if (*name && (strlen(name) != method.len || memcmp(name, r->at + method.at, method.len)))
		put_text(&r->log, "(method mistaken)\n");
	put_line(r, "target ", p->target, used);
	put_version(&r->log, p);
}

static void put_status_line(struct reader *r, const weir_parser *p, size_t used)
{
	char line[24];

	put_version(&r->log, p);
	snprintf(line, sizeof line, "status %d\n", p->status);
	put_text(&r->log, line);
	put_line(r, "reason ", p->reason, used);
}

static void put_head(struct reader *r, const weir_parser *p, size_t used)
{
	if (r->in->response)
		put_status_line(r, p, used);
	else
		put_request_line(r, p, used);
	put_fields(r, "field ", p, used);
	if (!r->in->plain)
		put_flags(&r->log, p->flags);
}

static void put_body(struct reader *r, weir_slice piece, size_t used)
{
	if (!r->log.in_body)
		put_text(&r->log, "body ");
	r->log.in_body = true;
	if (piece.len == 0)
		put_text(&r->log, "(empty piece)");
	put_slice(r, piece, used);
}

static void end_body(struct log *log)
{
	if (log->in_body)
		put_text(log, "\n");
	log->in_body = false;
}

/* Who relays a bad response answers 502, whatever the reason. */
static void put_error(struct reader *r, weir_refusal why)
{
	const int status = r->in->response ? 502 : weir_refusal_status(why);
	char line[120];

	snprintf(line, sizeof line, "error %d %s\n", status, weir_refusal_text(why));
	put_text(&r->log, line);
}

static void put_done(struct log *log, const weir_parser *p)
{
	put_text(log, p->flags & WEIR_KEEP ? "done keep\n" : "done close\n");
}

/* Moves parser and fields elsewhere and spoils where they were. */
static weir_parser *move(struct reader *r)
{
	const int from = r->turn;
	const int to = r->turn = !from;

	memcpy(&r->parsers[to], &r->parsers[from], sizeof *r->parsers);
	memcpy(r->fields[to], r->fields[from], sizeof *r->fields);
	memset(&r->parsers[from], 0xa5, sizeof *r->parsers);
	memset(r->fields[from], 0xa5, sizeof *r->fields);
	r->parsers[to].fields = r->fields[to];
	return &r->parsers[to];
}

/* A message begins: says what it answers if it is a response. */
static void begin(struct reader *r, weir_parser *p)
{
	const size_t last = r->in->nanswers - 1;

	if (!r->in->response)
		return;
	if (r->final)
		r->answered++;
	r->final = false;
	if (r->in->nanswers > 0)
		weir_parser_answers(p, r->in->answers[r->answered < last ? r->answered : last]);
}

/* One event; len octets lie at r->at. */
static weir_event step(struct reader *r, size_t len)
{
	weir_parser *p = move(r);
	weir_slice piece = {0, 0};
	size_t used = SIZE_MAX;
	const weir_event event = weir_parse(p, r->at, len, &used, &piece);

	if (used > len) {
		put_text(&r->log, "(used more than given)\n");
		return WEIR_BAD;
	}
	if (r->between && event != WEIR_MORE)
		put_text(&r->log, "--\n");
	if (event != WEIR_MORE)
		r->between = false;
	if (event != WEIR_MORE && event != WEIR_BODY)
		end_body(&r->log);
	if (event == WEIR_HEAD_END) {
		r->final = p->status >= 200 || p->flags & WEIR_TUNNEL;
		put_head(r, p, used);
	} else if (event == WEIR_BODY) {
		put_body(r, piece, used);
	} else if (event == WEIR_TRAILERS) {
		put_fields(r, "trailer ", p, used);
	} else if (event == WEIR_DONE) {
		put_done(&r->log, p);
		r->between = (p->flags & WEIR_KEEP) != 0;
		begin(r, p);
	} else if (event == WEIR_BAD) {
		put_error(r, (weir_refusal)p->error);
		if (used != 0 || weir_parse(p, r->at, len, &used, &piece) != WEIR_BAD ||
		    weir_parse_end(p) != WEIR_BAD)
			put_text(&r->log, "(refused half-heartedly)\n");
	}
	r->start += used;
	r->at += used;
	return event;
}

/* Gives the octets up to `end`; false when nothing behind them is to be read. */
static bool feed(struct reader *r, size_t end)
{
	size_t len = end - r->start;
	uint8_t *limit = guarded_end(r->in->len + 1);

	if (!limit) {
		r->log.failed = true;
		return false;
	}
	r->at = limit - len;
	if (len > 0)
		memcpy(limit - len, r->in->octets + r->start, len);
	for (size_t steps = 0; steps < 3 * len + 8; steps++) {
		const weir_event event = step(r, end - r->start);

		if (event == WEIR_MORE)
			return true;
		if (event == WEIR_BAD || (event == WEIR_DONE && !r->between))
			return false;
	}
	put_text(&r->log, "(stuck)\n");
	return false;
}

/* The connection ends; true if that ends a message or breaks it off. */
static bool close_connection(struct reader *r)
{
	weir_parser *p = move(r);
	const weir_event event = weir_parse_end(p);

	if (event == WEIR_DONE)
		put_done(&r->log, p);
	else if (event == WEIR_BAD)
		put_error(r, (weir_refusal)p->error);
	return event != WEIR_MORE;
}

static void put_end(struct reader *r, bool more)
{
	const size_t rest = r->in->len - r->start;
	char line[40];

	end_body(&r->log);
	if (r->parsers[r->turn].error != WEIR_OK)
		return;
	if (r->between && rest == 0)
		return;
	if (r->between)
		put_text(&r->log, "--\n");
	if (more && r->in->closed && close_connection(r))
		return;
	if (more && !r->in->closed)
		put_text(&r->log, "more\n");
	snprintf(line, sizeof line, "rest %zu\n", rest);
	if (rest > 0)
		put_text(&r->log, line);
}

char *eventlog_cuts(const struct eventlog_input *in, const size_t *cuts, size_t ncuts)
{
	struct reader r = {.in = in};
	bool more = true;

	if (in->response)
		weir_parser_init_response(&r.parsers[0], in->limits, r.fields[0], ROOM);
	else
		weir_parser_init(&r.parsers[0], in->limits, r.fields[0], ROOM);
	begin(&r, &r.parsers[0]);
	put_text(&r.log, "");
	for (size_t i = 0; more && i < ncuts; i++)
		more = feed(&r, cuts[i]);
	if (more)
		more = feed(&r, in->len);
	put_end(&r, more);
	if (r.log.failed) {
		free(r.log.text);
		return NULL;
	}
	return r.log.text;
}

char *eventlog_whole(const struct eventlog_input *in)
{
	return eventlog_cuts(in, NULL, 0);
}

char *eventlog_split(const struct eventlog_input *in, size_t at)
{
	return eventlog_cuts(in, &at, 1);
}

char *eventlog_octets(const struct eventlog_input *in)
{
	size_t *cuts = malloc((in->len + 1) * sizeof *cuts);
	char *log;

	if (!cuts)
		return NULL;
	for (size_t i = 0; i < in->len; i++)
		cuts[i] = i;
	log = eventlog_cuts(in, cuts, in->len);
	free(cuts);
	return log;
}

bool eventlog_answers(struct eventlog_input *in, const char *list)
{
	for (in->nanswers = 0; in->nanswers < EVENTLOG_ANSWERS; list++) {
		const size_t len = strcspn(list, ",");
		weir_method method = WEIR_METHOD_OTHER;

		for (int known = WEIR_GET; known <= WEIR_PATCH; known++) {
			const char *name = weir_method_name((weir_method)known);

			if (strlen(name) == len && !memcmp(name, list, len))
				method = (weir_method)known;
		}
		if (len == 0)
			return false;
		in->answers[in->nanswers++] = method;
		list += len;
		if (*list == '\0')
			return true;
	}
	return false;
}
