/*
 * Where does a reply end? weir's parser says it of the first one. If its length is known, its head
 * is remembered: a reply with the same head, whatever its Date, is as long, so from then on octets
 * are compared and counted. All others (other lengths, chunked, interim, until the connection ends)
 * are parsed.
 */
#include <stdlib.h>
#include <string.h>

#include <weir_http.h>

#include "bench/load.h"

#define MAX_FIELDS 100
#define MAX_HEAD 2048

/* A head that replies are expected to have, all of this process; its Date may be another. */
static struct {
	char head[MAX_HEAD];
	uint32_t len, date, date_end;
	uint64_t body;
} usual;

struct load_slow_path {
	weir_parser parser;
	weir_field fields[MAX_FIELDS];
	bool within; /* a reply */
	uint16_t status;
	bool keep;
};

static bool is_usual(const char *data, size_t len)
{
	return usual.len > 0 && len >= usual.len && !memcmp(data, usual.head, usual.date) &&
	       !memcmp(data + usual.date_end, usual.head + usual.date_end,
	               usual.len - usual.date_end);
}

static bool is_date(const char *name, uint32_t len)
{
	static const char date[] = "date";
	uint32_t i = 0;

	while (i < len && i < 4 && (name[i] | 0x20) == date[i])
		i++;
	return len == 4 && i == 4;
}

/* Remembers a head if it says all about its reply. */
static void learn(const weir_parser *p, const char *head, size_t len)
{
	const bool sized = p->framing == WEIR_LENGTH || p->framing == WEIR_NO_BODY;

	if (len > MAX_HEAD || !sized || p->status / 100 != 2 || !(p->flags & WEIR_KEEP))
		return;
	memcpy(usual.head, head, len);
	usual.len = usual.date = usual.date_end = (uint32_t)len;
	usual.body = p->framing == WEIR_LENGTH ? p->left : 0;
	for (uint16_t i = 0; i < p->nfields; i++)
		if (is_date(head + p->fields[i].name.at, p->fields[i].name.len)) {
			usual.date = p->fields[i].value.at;
			usual.date_end = usual.date + p->fields[i].value.len;
		}
}

/* ---- parsing ---- */

static struct load_slow_path *new_slow_path(void)
{
	struct load_slow_path *p = calloc(1, sizeof *p);

	if (!p)
		meter_die("load: parser");
	weir_parser_init_response(&p->parser, NULL, p->fields, MAX_FIELDS);
	return p;
}

static void note_head(struct load_slow_path *p, const char *data, size_t used)
{
	p->status = p->parser.status;
	p->keep = (p->parser.flags & WEIR_KEEP) != 0;
	learn(&p->parser, data, used);
}

/* DONE, unless it was an interim reply. */
static bool is_final(struct load_reply *r)
{
	r->p->within = false;
	r->good = r->p->status / 100 == 2;
	r->last = !r->p->keep;
	return r->p->status >= 200;
}

/* The end of a reply is told by a call of its own, which may have no octets left to look at. */
static enum load_event parse(struct load_reply *r, const char *data, size_t len, size_t *used)
{
	struct load_slow_path *p = r->p;
	weir_slice piece;
	size_t n;

	for (;;) {
		const char *from = data + *used;
		const weir_event event = weir_parse(&p->parser, from, len - *used, &n, &piece);

		p->within = p->within || *used < len;
		*used += n;
		if (event == WEIR_MORE)
			return LOAD_MORE;
		if (event == WEIR_BAD)
			return LOAD_BAD;
		if (event == WEIR_HEAD_END)
			note_head(p, from, n);
		if (event == WEIR_DONE && is_final(r))
			return LOAD_DONE;
	}
}

/* ---- counting ---- */

static enum load_event count(struct load_reply *r, size_t len, size_t *used)
{
	const size_t n = r->left < len - *used ? (size_t)r->left : len - *used;

	*used += n;
	r->left -= n;
	return r->left ? LOAD_MORE : LOAD_DONE;
}

enum load_event load_reply_next(struct load_reply *r, const char *data, size_t len, size_t *used)
{
	*used = 0;
	if (r->left)
		return count(r, len, used);
	if (!(r->p && r->p->within) && is_usual(data, len)) {
		*used = usual.len;
		r->left = usual.body;
		r->good = true;
		r->last = false;
		return count(r, len, used);
	}
	if (!r->p)
		r->p = new_slow_path();
	return parse(r, data, len, used);
}

bool load_reply_end(struct load_reply *r)
{
	const bool done = r->p && r->p->within && weir_parse_end(&r->p->parser) == WEIR_DONE;

	if (r->p)
		(void)is_final(r);
	r->last = false;
	r->left = 0;
	free(r->p);
	r->p = NULL;
	return done;
}
