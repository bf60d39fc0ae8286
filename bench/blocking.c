/*
 * blocking.c: what weir's server does for the handler of tests/examples/hello, said once more for
 * sockets that block. http/step.c, reply.c and part.c are what it has to agree with.
 *
 * What is read stands in front of the room, the replies to it right behind; they leave in one write
 * when there is no whole request any more. Nothing is asked of the kernel but a read and a write
 * for each batch, and a new time limit where another one begins.
 */
#include "config.h"

#include "bench/blocking.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "bench/meter.h"
#include "http/parse.h"

/* The defaults of weir_server_opts, and what http/conn.h says of the end of connections. */
enum {
	HEAD_MS = 10000,  /* for a head */
	IDLE_MS = 75000,  /* between requests */
	BODY_MS = 10000,  /* a window in which BODY_NEED octets must come */
	WRITE_MS = 10000, /* … in which WRITE_NEED octets must be taken */
	BODY_NEED = 1000,
	WRITE_NEED = 1000,
	DROP_MAX = 64 * 1024,    /* octets of a body that are read and dropped */
	LINGER_MAX = 256 * 1024, /* octets that are read behind the last reply, */
	LINGER_MS = 2000,        /* and for how long */
	REPLY_MAX = WEIR__HEAD_ROOM + 256
};

static const weir_limits limits = {.body = 1 << 30};

static const unsigned methods = WEIR_METHOD_BIT(WEIR_GET) | WEIR_METHOD_BIT(WEIR_HEAD) |
                                WEIR_METHOD_BIT(WEIR_POST) | WEIR_METHOD_BIT(WEIR_PUT) |
                                WEIR_METHOD_BIT(WEIR_DELETE) | WEIR_METHOD_BIT(WEIR_PATCH) |
                                WEIR_METHOD_BIT(WEIR_OPTIONS);
static const char allow[] = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n";

struct conn {
	struct blocking *server;
	int fd;
	char *room;
	size_t size;
	size_t at, len; /* octets that were read: the first that is not used, and behind the last */
	size_t out;     /* where the replies end; they begin at len */
	weir_parser parser;
	int64_t due;   /* ms: when what is awaited must have come; 0: nothing has begun */
	int64_t waits; /* ms: the time limit that the socket has for reading */
	int64_t left;  /* octets of a body that are still dropped */
	int64_t came;  /* octets of it in this window */
	bool dropping; /* the request is answered, but its body has not come whole */
	bool closing;  /* the reply that was written is the last */
};

static int64_t now_ms(void)
{
	return meter_now() / 1000000;
}

/* ---- sending ------------------------------------------------------------ */

/* A connection that takes too little is reset, as is one without memory. */
static bool give_up(const struct conn *c)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	return false;
}

/* Sends the replies. False: the peer does not take them. */
static bool flush(struct conn *c)
{
	size_t at = c->len;

	while (at < c->out) {
		const ssize_t n = write(c->fd, c->room + at, c->out - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return give_up(c);
		at += (size_t)n;
		if (at < c->out && n < WRITE_NEED)
			return give_up(c);
	}
	c->out = c->len;
	return true;
}

/* Writes a whole reply behind the others; its body is short. False: the peer is not there. */
static bool put(struct conn *c, int status, const char *text, const char *field)
{
	struct weir__reply_head head = {
		.status = status, .type = "text/plain", .type_len = 10, .length = -1};
	const size_t len = strlen(text), field_len = strlen(field);
	char *out;

	if (c->size - c->out < REPLY_MAX && !flush(c))
		return false;
	head.length = (int64_t)len;
	if (c->closing)
		head.persist = WEIR__PERSIST_CLOSE;
	else if (c->parser.seen & WEIR__KEEP_ALIVE) {
		head.persist = WEIR__PERSIST_KEEP;
		head.timeout = IDLE_MS / 1000;
	}
	out = c->room + c->out;
	out += weir__emit_head(out, &c->server->date, &head);
	memcpy(out, field, field_len);
	memcpy(out + field_len, "\r\n", 2);
	out += field_len + 2;
	if (c->parser.method != WEIR_HEAD) {
		memcpy(out, text, len);
		out += len;
	}
	c->out = (size_t)(out - c->room);
	return true;
}

/* The same for what the server says by itself. */
static bool put_own(struct conn *c, int status, const char *text, const char *field)
{
	char line[128];

	snprintf(line, sizeof line, "%.126s\n", text);
	return put(c, status, line, field);
}

/* ---- the end ------------------------------------------------------------ */

static void limit_reading(struct conn *c, int64_t ms)
{
	const struct timeval t = {.tv_sec = (time_t)(ms / 1000),
	                          .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	if (ms != c->waits && setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0)
		c->waits = ms;
}

/*
 * After the last reply our end is sent, and what still comes is read and dropped: a close with octets
 * unread would reset the connection, and the reply could be lost with it.
 */
static bool part(struct conn *c)
{
	const int64_t until = now_ms() + LINGER_MS;
	int64_t left = LINGER_MAX;

	if (!flush(c) || shutdown(c->fd, SHUT_WR) < 0)
		return false;
	while (left >= 0) {
		const int64_t ms = until - now_ms();
		ssize_t n;

		if (ms <= 0)
			return false;
		limit_reading(c, ms);
		n = read(c->fd, c->room, c->size);
		if (n <= 0)
			return false;
		left -= n;
	}
	return give_up(c);
}

static bool refuse(struct conn *c, int status, const char *text)
{
	c->closing = true;
	return put_own(c, status, text, "") && part(c);
}

/* ---- requests ----------------------------------------------------------- */

/* The application. */
static bool hello(struct conn *c)
{
	return put(c, 200, "Hello World\n", "");
}

/* Whether the connection can live on with a body that nobody wants. */
static bool is_drainable(const struct conn *c)
{
	const weir_parser *p = &c->parser;

	/* Told to wait for 100 Continue, the client may send the body or not. */
	if (p->flags & WEIR_EXPECT_CONTINUE && c->at == c->len)
		return false;
	return p->framing == WEIR_CHUNKED || p->left <= DROP_MAX;
}

static void begin_message(struct conn *c)
{
	weir_parser_init(&c->parser, &limits, c->server->fields, BLOCKING_FIELDS);
	c->dropping = false;
	c->due = 0;
}

/* A good head. False: the connection has ended. */
static bool answer(struct conn *c)
{
	const weir_parser *p = &c->parser;
	bool there;

	c->dropping = p->framing == WEIR_CHUNKED || p->left;
	c->closing = !(p->flags & WEIR_KEEP) || (c->dropping && !is_drainable(c));
	if (methods & WEIR_METHOD_BIT(p->method))
		there = hello(c);
	else if (p->method == WEIR_METHOD_OTHER)
		there = put_own(c, 501, weir_status_reason(501), "");
	else
		there = put_own(c, 405, weir_status_reason(405), allow);
	if (!there)
		return false;
	if (c->closing)
		return part(c);
	c->left = DROP_MAX;
	c->due = c->came = 0;
	if (!c->dropping)
		begin_message(c);
	return true;
}

/* Octets of a body that nobody wants. False: there are too many. */
static bool drop(struct conn *c, size_t used)
{
	c->left -= (int64_t)used;
	c->came += (int64_t)used;
	return c->left >= 0 || part(c);
}

/* Goes through what was read. False: the connection has ended. */
static bool go_through(struct conn *c)
{
	weir_event event = WEIR_BODY;

	weir__date_refresh(&c->server->date, time(NULL));
	/* The end of a body is told behind its last octet. */
	while ((c->at < c->len || c->dropping) && event != WEIR_MORE) {
		weir_slice piece;
		size_t used;

		event = weir_parse(&c->parser, c->room + c->at, c->len - c->at, &used, &piece);
		c->at += used;
		if (event == WEIR_BAD && c->dropping)
			return part(c);
		if (event == WEIR_BAD)
			return refuse(c, weir_refusal_status((weir_refusal)c->parser.error),
			              weir_refusal_text((weir_refusal)c->parser.error));
		if (event == WEIR_HEAD_END && !answer(c))
			return false;
		if (event != WEIR_HEAD_END && c->dropping && !drop(c, used))
			return false;
		if (event == WEIR_DONE)
			begin_message(c);
	}
	return flush(c);
}

/* ---- receiving ---------------------------------------------------------- */

/* Whether octets of a message are here: empty lines are none. */
static bool has_begun(const struct conn *c)
{
	return c->dropping || c->parser.state != WEIR__EMPTY_LINES;
}

/* What was awaited has not come in time. True: enough of it has. */
static bool late(struct conn *c)
{
	if (c->dropping && c->came >= BODY_NEED) {
		c->due = c->came = 0;
		return true;
	}
	return has_begun(c) && !c->dropping && refuse(c, 408, weir_status_reason(408));
}

/* Sets how long the next read may take. False: it is too late for that. */
static bool set_patience(struct conn *c)
{
	if (c->server->patient)
		return true;
	if (c->at == c->len && !c->dropping) {
		limit_reading(c, IDLE_MS);
		return true;
	}
	if (!c->due)
		c->due = now_ms() + (c->dropping ? BODY_MS : HEAD_MS);
	if (c->due <= now_ms())
		return late(c) && set_patience(c);
	limit_reading(c, c->due - now_ms());
	return true;
}

/* A head that does not fit gets memory for the largest there may be. False: there is none. */
static bool grow(struct conn *c)
{
	const size_t size = 4 * WEIR__DEFAULT_HEAD;
	char *room;

	if (c->len < c->size / 2)
		return true;
	room = c->size < size ? malloc(size) : NULL;
	if (!room)
		return give_up(c);
	memcpy(room, c->room, c->len);
	c->room = room;
	c->size = size;
	return true;
}

/* What is not used moves to the front. */
static bool make_room(struct conn *c)
{
	c->len -= c->at;
	memmove(c->room, c->room + c->at, c->len);
	c->at = 0;
	c->out = c->len;
	return grow(c);
}

/* False: the connection has ended. */
static bool receive(struct conn *c)
{
	const ssize_t n = read(c->fd, c->room + c->len, c->size / 2 - c->len);

	if (n < 0 && errno == EAGAIN)
		return late(c);
	if (n < 0)
		return errno == EINTR;
	if (n == 0)
		return has_begun(c) && part(c);
	c->len += (size_t)n;
	c->out = c->len;
	return go_through(c);
}

/* ---- connections -------------------------------------------------------- */

void blocking_init(struct blocking *server, char *room, size_t size)
{
	server->room = room;
	server->size = size;
	server->patient = false;
	server->date.second = -1;
}

void blocking_prepare(int listener)
{
	const struct timeval head = {.tv_sec = HEAD_MS / 1000}, take = {.tv_sec = WRITE_MS / 1000};

	if (setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &head, sizeof head) < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_SNDTIMEO, &take, sizeof take) < 0)
		meter_die("setsockopt");
}

/* The first head counts from here on. */
void blocking_serve(struct blocking *server, int fd)
{
	struct conn c = {.server = server,
	                 .fd = fd,
	                 .room = server->room,
	                 .size = server->size,
	                 .waits = HEAD_MS};

	begin_message(&c);
	c.due = now_ms() + HEAD_MS;
	while (receive(&c) && set_patience(&c) && make_room(&c))
		;
	if (c.room != server->room)
		free(c.room);
	close(fd);
}
