/*
 * model.c: what should the parser say?
 *
 * The same answer found by other means: the whole of the octets is there, the end
 * of a section is searched for first, then it is taken apart line by line, and
 * no state is kept. The model says where messages lie, not why one is refused:
 * behind its events the log must have nothing but that octets have run out or
 * were refused (nor that, when the connection ends with the message).
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"

struct text {
	const uint8_t *octets;
	uint32_t at, end; /* where in the input */
};

struct line_field {
	struct text name, value;
};

enum { MOST_FIELDS = 128 };

struct head {
	struct text method, target, reason;
	unsigned minor, status;
	uint32_t end;
	/* what the fields say, each by itself */
	unsigned hosts;
	uint64_t length;
	bool has_length, bad_length, coded, chunked, bad_coding;
	bool close, keep_alive, names_upgrade, upgrade, proceed, other_expect;
	/* what that means */
	weir_framing framing;
	unsigned flags;
	uint32_t nfields;
	struct line_field fields[MOST_FIELDS];
};

/* ---- text ---- */

static bool is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_visible(uint8_t c)
{
	return c > 0x20 && c < 0x7f;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_value(uint8_t c)
{
	return is_visible(c) || is_blank(c) || c >= 0x80;
}

static bool all(struct text t, bool (*is)(uint8_t))
{
	for (uint32_t i = t.at; i < t.end; i++)
		if (!is(t.octets[i]))
			return false;
	return true;
}

static bool same(struct text t, const char *word)
{
	if (t.end - t.at != strlen(word))
		return false;
	for (uint32_t i = t.at; i < t.end; i++) {
		const uint8_t c = t.octets[i];
		const uint8_t small = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;

		if (small != (uint8_t)word[i - t.at])
			return false;
	}
	return true;
}

static bool begins(struct text t, const char *word)
{
	return t.end - t.at >= strlen(word) && !memcmp(t.octets + t.at, word, strlen(word));
}

static struct text trimmed(struct text t)
{
	while (t.at < t.end && is_blank(t.octets[t.at]))
		t.at++;
	while (t.at < t.end && is_blank(t.octets[t.end - 1]))
		t.end--;
	return t;
}

/* Offset of the first c; the end if there is none. */
static uint32_t find(struct text t, char c)
{
	while (t.at < t.end && t.octets[t.at] != (uint8_t)c)
		t.at++;
	return t.at;
}

/* Up to the first CRLF, which *t is moved behind; false if there is none. */
static bool next_line(struct text *t, struct text *line)
{
	for (uint32_t i = t->at; i + 1 < t->end; i++)
		if (t->octets[i] == '\r' && t->octets[i + 1] == '\n') {
			*line = (struct text){t->octets, t->at, i};
			t->at = i + 2;
			return true;
		}
	return false;
}

/* The next element of a list, between commas; false when there is none. */
static bool next_element(struct text *list, struct text *element)
{
	if (list->at >= list->end)
		return false;
	*element = (struct text){list->octets, list->at, find(*list, ',')};
	list->at = element->end + 1;
	*element = trimmed(*element);
	return true;
}

/* ---- lines ---- */

static bool request_line(struct head *h, struct text line)
{
	struct text version = line;

	h->method = line;
	h->method.end = find(line, ' ');
	h->target = line;
	h->target.at = h->method.end + 1;
	if (h->target.at > line.end)
		return false;
	h->target.end = find(h->target, ' ');
	version.at = h->target.end + 1;
	if (version.at > line.end || version.end - version.at != 8)
		return false;
	h->minor = version.octets[version.end - 1] - (unsigned)'0';
	return h->method.at < h->method.end && all(h->method, is_token) &&
	       h->target.at < h->target.end && all(h->target, is_visible) &&
	       find(h->target, '#') == h->target.end && begins(version, "HTTP/1.") && h->minor <= 9;
}

static bool status_line(struct head *h, struct text line)
{
	const uint8_t *octets = line.octets + line.at;

	if (line.end - line.at < 13 || !begins(line, "HTTP/1.") || octets[8] != ' ' ||
	    octets[12] != ' ')
		return false;
	h->minor = octets[7] - (unsigned)'0';
	h->status = 0;
	for (int i = 9; i < 12; i++) {
		if (octets[i] < '0' || octets[i] > '9')
			return false;
		h->status = h->status * 10 + (octets[i] - (unsigned)'0');
	}
	h->reason = (struct text){line.octets, line.at + 13, line.end};
	return h->minor <= 9 && h->status >= 100 && all(h->reason, is_value);
}

static bool field_line(struct line_field *f, struct text line)
{
	f->name = f->value = line;
	f->name.end = find(line, ':');
	f->value.at = f->name.end + 1;
	if (f->name.end == line.end || f->name.at == f->name.end || !all(f->name, is_token) ||
	    !all(f->value, is_value))
		return false;
	f->value = trimmed(f->value);
	return true;
}

/* Lines up to and with the empty one; false if it does not come or one is bad. */
static bool field_lines(struct text *t, struct line_field *fields, uint32_t *n, uint32_t most)
{
	struct text line;

	*n = 0;
	while (next_line(t, &line)) {
		if (line.at == line.end)
			return true;
		if (*n == most || !field_line(&fields[(*n)++], line))
			return false;
	}
	return false;
}

/* ---- what the fields of a head say ---- */

static bool number(struct text t, uint64_t *n)
{
	*n = 0;
	if (t.at == t.end)
		return false;
	for (uint32_t i = t.at; i < t.end; i++) {
		const unsigned digit = t.octets[i] - (unsigned)'0';

		if (digit > 9 || *n > (UINT64_MAX >> 1) / 10)
			return false;
		*n = *n * 10 + digit;
		if (*n > UINT64_MAX >> 1)
			return false;
	}
	return true;
}

/* Anything but the one coding chunked is refused, one way or another. */
static void hear_codings(struct head *h, struct text list)
{
	struct text coding;

	h->coded = true;
	while (next_element(&list, &coding)) {
		if (coding.at == coding.end)
			continue;
		if (h->chunked || !same(coding, "chunked"))
			h->bad_coding = true;
		h->chunked = true;
	}
}

static void hear_connection(struct head *h, struct text list)
{
	struct text option;

	while (next_element(&list, &option)) {
		h->close |= same(option, "close");
		h->keep_alive |= same(option, "keep-alive");
		h->names_upgrade |= same(option, "upgrade");
	}
}

static void hear(struct head *h, struct text name, struct text value)
{
	if (same(name, "host")) {
		h->hosts++;
	} else if (same(name, "content-length")) {
		h->bad_length |= h->has_length || !number(value, &h->length);
		h->has_length = true;
	} else if (same(name, "transfer-encoding")) {
		hear_codings(h, value);
	} else if (same(name, "connection")) {
		hear_connection(h, value);
	} else if (same(name, "upgrade")) {
		h->upgrade = true;
	} else if (same(name, "expect")) {
		h->proceed |= same(value, "100-continue");
		h->other_expect |= !same(value, "100-continue");
	}
}

/* Where the body ends, if the fields decide that; false: they cannot be trusted. */
static bool find_framing(struct head *h, weir_framing otherwise, const weir_limits *limits)
{
	if (h->bad_length || (limits->body && h->length > limits->body))
		return false;
	if (h->coded && (!h->chunked || h->bad_coding || h->has_length || h->minor == 0))
		return false;
	h->framing = h->coded ? WEIR_CHUNKED : h->has_length ? WEIR_LENGTH : otherwise;
	return true;
}

static bool judge_request(struct head *h, const weir_limits *limits)
{
	const bool body = h->coded || h->length > 0;

	if (h->hosts > 1 || (h->minor > 0 && (h->hosts == 0 || h->other_expect)))
		return false;
	if (!h->close && (h->minor > 0 || h->keep_alive))
		h->flags |= WEIR_KEEP;
	if (h->minor > 0 && h->names_upgrade && h->upgrade)
		h->flags |= WEIR_UPGRADE;
	if (h->minor > 0 && h->proceed && body)
		h->flags |= WEIR_EXPECT_CONTINUE;
	return find_framing(h, WEIR_NO_BODY, limits);
}

static bool judge_response(struct head *h, weir_method answers, const weir_limits *limits)
{
	h->framing = WEIR_NO_BODY;
	if (h->status == 101 || (answers == WEIR_CONNECT && h->status / 100 == 2)) {
		h->flags = WEIR_TUNNEL;
		return true;
	}
	if (h->status < 200) {
		h->flags = WEIR_KEEP;
		return true;
	}
	if (h->status != 204 && h->status != 304 && answers != WEIR_HEAD &&
	    !find_framing(h, WEIR_UNTIL_CLOSE, limits))
		return false;
	if (h->framing != WEIR_UNTIL_CLOSE && !h->close && (h->minor > 0 || h->keep_alive))
		h->flags = WEIR_KEEP;
	return true;
}

static uint32_t limit(uint32_t given, uint32_t otherwise)
{
	return given ? given : otherwise;
}

/* The line that is not empty; false if there is none, or too many empty ones are before it. */
static bool first_line(struct text *t, struct text *line, int most_empty)
{
	for (int empty = 0; empty <= most_empty; empty++) {
		if (!next_line(t, line))
			return false;
		if (line->at < line->end)
			return true;
	}
	return false;
}

/* False: there is no good head at t->at. */
static bool take_head(struct text *t, struct head *h, const struct fuzz_message *m)
{
	const weir_limits *limits = &m->limits;
	const uint32_t begin = t->at;
	struct text line;

	memset(h, 0, offsetof(struct head, fields));
	if (!first_line(t, &line, m->response ? 0 : 4) ||
	    !(m->response ? status_line(h, line) : request_line(h, line)) ||
	    h->target.end - h->target.at > limit(limits->target, 8 * 1024) ||
	    !field_lines(t, h->fields, &h->nfields, limit(limits->fields, 100)) ||
	    t->at - begin > limit(limits->head, 32 * 1024))
		return false;
	h->end = t->at;
	for (uint32_t i = 0; i < h->nfields; i++)
		hear(h, h->fields[i].name, h->fields[i].value);
	return m->response ? judge_response(h, m->answers, limits) : judge_request(h, limits);
}

/* ---- chunk lines ---- */

static void skip_blank(struct text *t)
{
	while (t->at < t->end && is_blank(t->octets[t->at]))
		t->at++;
}

static bool skip_token(struct text *t)
{
	const uint32_t begin = t->at;

	while (t->at < t->end && is_token(t->octets[t->at]))
		t->at++;
	return t->at > begin;
}

static bool skip(struct text *t, char c)
{
	if (t->at == t->end || t->octets[t->at] != (uint8_t)c)
		return false;
	t->at++;
	return true;
}

static bool skip_quoted(struct text *t)
{
	if (!skip(t, '"'))
		return false;
	for (; t->at < t->end; t->at++) {
		if (skip(t, '"'))
			return true;
		if (t->octets[t->at] == '\\' && ++t->at == t->end)
			return false;
		if (!is_value(t->octets[t->at]))
			return false;
	}
	return false;
}

/* *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ) */
static bool good_extensions(struct text t)
{
	while (t.at < t.end) {
		skip_blank(&t);
		if (!skip(&t, ';'))
			return false;
		skip_blank(&t);
		if (!skip_token(&t))
			return false;

		struct text value = t;

		skip_blank(&value);
		if (!skip(&value, '='))
			continue;
		skip_blank(&value);
		t = value;
		if (!skip_quoted(&t) && !(t.at == value.at && skip_token(&t)))
			return false;
	}
	return true;
}

/* 1*16HEXDIG and extensions. */
static bool chunk_size(struct text line, uint64_t *size, uint32_t *extensions)
{
	const char *digits = "0123456789abcdef";
	uint32_t n = 0;

	*size = 0;
	for (; line.at < line.end; line.at++, n++) {
		const uint8_t c = line.octets[line.at];
		const char *digit = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

		if (!digit)
			break;
		if (n == 16)
			return false;
		*size = *size << 4 | (uint64_t)(digit - digits);
	}
	*extensions += line.end - line.at;
	return n > 0 && good_extensions(line);
}

/* ---- the log ---- */

struct model {
	const struct fuzz_message *m;
	const struct fuzz_log *log;
	uint32_t n; /* how many of its events are right */
};

static void expect(struct model *w, enum fuzz_kind kind, uint32_t a, uint32_t b)
{
	assert(w->n < w->log->n);
	assert(w->log->events[w->n].kind == kind);
	assert(w->log->events[w->n].a == a);
	assert(w->log->events[w->n].b == b);
	w->n++;
}

static void expect_text(struct model *w, enum fuzz_kind kind, struct text t)
{
	expect(w, kind, t.at, t.end);
}

static uint32_t number_of(struct text method)
{
	static const char *const names[] = {"",       "GET",     "HEAD",    "POST",  "PUT",
	                                    "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

	for (uint32_t i = 1; i < sizeof names / sizeof *names; i++)
		if (method.end - method.at == strlen(names[i]) && begins(method, names[i]))
			return i;
	return WEIR_METHOD_OTHER;
}

static void expect_head(struct model *w, const struct head *h)
{
	const uint32_t method = w->m->response ? 0 : number_of(h->method);
	uint32_t flags = h->flags;

	assert(w->n < w->log->n);
	/* Which form the target has is not the model's business. */
	flags |= (w->log->events[w->n].b >> 24) & WEIR_ABSOLUTE;
	expect(w, FUZZ_HEAD, h->end,
	       method | (h->minor ? 1u << 8 : 0) | (uint32_t)h->framing << 16 | flags << 24);
	if (h->framing == WEIR_LENGTH)
		expect(w, FUZZ_LEFT, (uint32_t)h->length, (uint32_t)(h->length >> 32));
	if (w->m->response) {
		expect(w, FUZZ_STATUS, h->status, 0);
		expect_text(w, FUZZ_REASON, h->reason);
	} else {
		expect_text(w, FUZZ_METHOD, h->method);
		expect_text(w, FUZZ_TARGET, h->target);
	}
	for (uint32_t i = 0; i < h->nfields; i++) {
		expect_text(w, FUZZ_NAME, h->fields[i].name);
		expect_text(w, FUZZ_VALUE, h->fields[i].value);
	}
}

/* Content of this length; false if it is not all there. */
static bool expect_content(struct model *w, struct text *t, uint64_t length)
{
	const uint32_t here = t->end - t->at;
	const uint32_t n = length < here ? (uint32_t)length : here;

	if (n > 0)
		expect(w, FUZZ_BODY, t->at, t->at + n);
	t->at += n;
	return n == length;
}

/* Names that frame, route, authenticate, modify or describe the message: RFC 9110 6.5.1. */
static bool is_listed(struct text name)
{
	static const char *const forbidden[] = {
		"te",
		"age",
		"host",
		"date",
		"vary",
		"range",
		"cookie",
		"expect",
		"pragma",
		"trailer",
		"upgrade",
		"expires",
		"warning",
		"if-match",
		"if-range",
		"location",
		"connection",
		"keep-alive",
		"set-cookie",
		"retry-after",
		"content-type",
		"max-forwards",
		"authorization",
		"cache-control",
		"content-range",
		"if-none-match",
		"content-length",
		"content-encoding",
		"proxy-connection",
		"www-authenticate",
		"transfer-encoding",
		"if-modified-since",
		"proxy-authenticate",
		"proxy-authorization",
		"if-unmodified-since",
	};

	for (uint32_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
		if (same(name, forbidden[i]))
			return false;
	return true;
}

static bool expect_trailers(struct model *w, struct text *t)
{
	const weir_limits *limits = &w->m->limits;
	struct line_field fields[MOST_FIELDS];
	const uint32_t begin = t->at;
	uint32_t n, listed = 0;

	if (!field_lines(t, fields, &n, limit(limits->trailers, 64)) ||
	    t->at - begin > limit(limits->trailer, 16 * 1024))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (is_listed(fields[i].name))
			fields[listed++] = fields[i];
	if (listed == 0)
		return true;
	expect(w, FUZZ_TRAILERS, t->at, listed);
	for (uint32_t i = 0; i < listed; i++) {
		expect_text(w, FUZZ_NAME, fields[i].name);
		expect_text(w, FUZZ_VALUE, fields[i].value);
	}
	return true;
}

static bool expect_chunks(struct model *w, struct text *t)
{
	const weir_limits *limits = &w->m->limits;
	const uint64_t most = limits->body ? limits->body : UINT64_MAX >> 1;
	uint64_t size, sum = 0;
	uint32_t extensions = 0;
	struct text line;

	for (;;) {
		if (!next_line(t, &line) || !chunk_size(line, &size, &extensions) ||
		    line.end + 2 - line.at > limit(limits->chunk_line, 1024) ||
		    extensions > limit(limits->chunk_ext, 16 * 1024) || size > most - sum)
			return false;
		if (size == 0)
			return expect_trailers(w, t);
		sum += size;
		if (!expect_content(w, t, size) || !skip(t, '\r') || !skip(t, '\n'))
			return false;
	}
}

/* False: the body is not complete, or not good. */
static bool expect_body(struct model *w, struct text *t, const struct head *h)
{
	const uint64_t most = w->m->limits.body ? w->m->limits.body : UINT64_MAX >> 1;

	switch (h->framing) {
	case WEIR_CHUNKED:
		return expect_chunks(w, t);
	case WEIR_LENGTH:
		return expect_content(w, t, h->length);
	case WEIR_UNTIL_CLOSE:
		(void)expect_content(w, t, most);
		return false;
	default:
		return true;
	}
}

/* Of these refusals the model has no opinion: it does not know hosts and forms of targets. */
static bool beyond_it(const struct model *w)
{
	const struct fuzz_event *event = &w->log->events[w->n];

	return w->n + 1 == w->log->n && event->kind == FUZZ_BAD &&
	       (event->a == WEIR_BAD_HOST || event->a == WEIR_BAD_TARGET_FORM);
}

/* The octets have run out at t, in a message with this head or between two. */
static void expect_end(const struct model *w, const struct head *h)
{
	const struct fuzz_event *event = &w->log->events[w->n];

	assert(w->n < w->log->n);
	if (event->kind == FUZZ_BAD) {
		assert(w->n + 1 == w->log->n);
		return;
	}
	assert(w->n + 2 == w->log->n && event[0].kind == FUZZ_MORE && event[1].kind == FUZZ_END);
	assert((event[1].a == WEIR_DONE) == (h->end && h->framing == WEIR_UNTIL_CLOSE));
}

void fuzz_assert_right(const struct fuzz_message *m, const struct fuzz_log *log)
{
	struct model w = {.m = m, .log = log};
	struct text t = {m->in.octets, 0, m->in.len};
	static struct head h;

	while (take_head(&t, &h, m) && !beyond_it(&w)) {
		expect_head(&w, &h);
		if (!expect_body(&w, &t, &h))
			break;
		expect(&w, FUZZ_DONE, t.at, h.flags & WEIR_KEEP);
		if (!(h.flags & WEIR_KEEP)) {
			assert(w.n == log->n);
			return;
		}
	}
	expect_end(&w, &h);
}
