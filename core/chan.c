/*
 * chan.c: how do messages and descriptors get from one process to another?
 *
 * A channel is a stream of frames: eight octets (length, type), then the message. A
 * descriptor goes with the first octet of its frame: the transport below puts it there,
 * and takes those that come out of what it reads. The same machine writes and reads: so
 * numbers are as it has them.
 *
 *   here                                      there
 *   weir_chan_pass ── frame + descriptor ──►  confirmed, then told by `message`
 *     the copy here ◄────── WEIR__CONFIRM ──  (or WEIR__REFUSE: no room for it)
 *     is closed then
 *
 * It is confirmed before anybody there can have touched what is behind it. So what is not
 * confirmed when the other side dies has not been used, and can be given to somebody else:
 * unless this side has not read what it was told for so long that the confirmation had to
 * wait there, and went down with it.
 */
#include "core/chan.h"

#include <errno.h>
#include <string.h>

#include "core/stream.h"

/* The length of a message whose frame came with a descriptor. */
#define WITH_DESCRIPTOR UINT32_C(0x80000000)
/* One that got lost on its way, in chan.came. */
#define LOST (-2)
/* What confirmations may take of the queue beyond max_queue: those of more descriptors
   than a process has. */
#define MARGIN (64 << 10)
#define MOST (16 << 20)

struct header {
	uint32_t len, type;
};

static bool closed(const weir_chan *c)
{
	return c->source.fd < 0;
}

/* ---- the transport -------------------------------------------------------- */

static const struct weir__flight *next_to_send(const weir_chan *c)
{
	const struct weir__flight *f = c->flights;
	while (f && f->sent)
		f = f->next;
	return f;
}

/* The pieces, but at most so many octets of them. How many pieces are left. */
static int limit(const weir_vec *from, int n, int64_t octets, struct weir__vec *to)
{
	int i;
	for (i = 0; i < n && octets > 0; i++) {
		size_t len = from[i].len < (uint64_t)octets ? from[i].len : (size_t)octets;
		to[i] = (struct weir__vec){from[i].data, len};
		octets -= (int64_t)len;
	}
	return i;
}

static int64_t all(const weir_vec *vec, int n)
{
	int64_t sum = 0;
	for (int i = 0; i < n; i++)
		sum += (int64_t)vec[i].len;
	return sum;
}

/* One write takes one descriptor along: it ends where the next one begins. */
static int64_t chan_writev(int fd, const weir_vec *vec, int n, void *arg)
{
	weir_chan *c = arg;
	struct weir__vec pieces[WEIR__VEC_MAX] = {{NULL, 0}};
	struct weir__flight *f = (struct weir__flight *)(uintptr_t)next_to_send(c);
	const bool due = f && f->at == c->written;
	const struct weir__flight *then = due ? f->next : f;
	if (c->deaf)
		return all(vec, n);
	int64_t most = then ? then->at - c->written : INT64_MAX;
	int count = limit(vec, n, most, pieces);
	int64_t put = weir__sys_write_passing(fd, pieces, count, due ? f->fd : -1);
	/* What it has said before it went is still to be read: the end comes behind that. */
	if (put == -EPIPE || put == -ECONNRESET) {
		c->deaf = true;
		return all(vec, n);
	}
	if (put <= 0)
		return put;
	c->written += put;
	if (due)
		f->sent = true;
	return put;
}

static int64_t chan_readv(int fd, const weir_vec *vec, int n, void *arg)
{
	weir_chan *c = arg;
	struct weir__vec pieces[WEIR__VEC_MAX];
	int count = limit(vec, n, INT64_MAX, pieces), came = 0;
	bool lost;
	/* No frame claims so many: they are not heaped up while messages are held. */
	if (c->ncame >= WEIR__PASSED_MAX)
		return WEIR_EMALFORMED;
	int64_t got = weir__sys_read_passing(fd, pieces, count, c->came + c->ncame, &came, &lost);
	c->ncame += came;
	if (got > 0 && lost)
		c->came[c->ncame++] = LOST;
	return got;
}

static const weir_transport transport = {.readv = chan_readv, .writev = chan_writev};

/* ---- flights -------------------------------------------------------------- */

static void free_flight(struct weir__mem *mem, struct weir__flight *f)
{
	weir__mem_free(mem, f, sizeof *f + f->len);
}

/* `link` points to it. */
static struct weir__flight *remove_flight(weir_chan *c, struct weir__flight **link)
{
	struct weir__flight *f = *link;
	*link = f->next;
	if (!f->next)
		c->flights_end = link;
	c->nflights--;
	return f;
}

static struct weir__flight **add_flight(weir_chan *c, uint32_t type, const void *data, size_t len,
                                        int fd)
{
	struct weir__flight *f = weir__mem_new(&c->loop->mem, sizeof *f + len);
	if (!f)
		return NULL;
	f->at = c->written + weir_queued(c->stream);
	f->type = type;
	f->len = (uint32_t)len;
	f->fd = fd;
	if (len)
		memcpy(f->data, data, len);
	struct weir__flight **link = c->flights_end;
	*link = f;
	c->flights_end = &f->next;
	c->nflights++;
	return link;
}

static void close_flight(weir_chan *c, struct weir__flight *f)
{
	weir__sys_close(f->fd);
	free_flight(&c->loop->mem, f);
}

/* It has not arrived: it is given back. */
static void give_back(weir_chan *c, struct weir__flight *f)
{
	struct weir__mem *mem = &c->loop->mem;
	if (c->ops && c->ops->returned)
		c->ops->returned(c, f->type, f->data, f->len, f->fd, c->arg);
	else
		weir__sys_close(f->fd);
	/* The channel may be closed by now. */
	free_flight(mem, f);
}

static void drop_descriptors(weir_chan *c)
{
	while (c->flights)
		close_flight(c, remove_flight(c, &c->flights));
	while (c->ncame > 0)
		if (c->came[--c->ncame] >= 0)
			weir__sys_close(c->came[c->ncame]);
}

/* ---- sending -------------------------------------------------------------- */

static bool over(const weir_chan *c)
{
	return closed(c) || c->deaf || weir__is(c->stream, WEIR__DOOMED | WEIR__FINISHING);
}

int64_t weir__chan_queued(const weir_chan *c)
{
	return closed(c) || c->deaf || weir__is(c->stream, WEIR__DOOMED) ? 0
	                                                                 : weir_queued(c->stream);
}

bool weir__chan_takes(weir_chan *c)
{
	c->refused |= c->nflights >= c->max_passing;
	return !over(c) && c->nflights < c->max_passing;
}

static int may_send(weir_chan *c, size_t len, bool passes)
{
	if (over(c))
		return WEIR_ECLOSED;
	if (len > (size_t)c->max_message)
		return WEIR_ETOOBIG;
	if (passes && c->nflights >= c->max_passing) {
		c->refused = true;
		return WEIR_EFULL;
	}
	return 0;
}

static int64_t write_frame(weir_chan *c, uint32_t type, const void *data, size_t len, bool passes)
{
	struct header header = {(uint32_t)len, type};
	weir_str pieces[2] = {{(const char *)&header, sizeof header}, {data, len}};
	if (passes)
		header.len |= WITH_DESCRIPTOR;
	return weir_writev(c->stream, pieces, len ? 2 : 1);
}

static int64_t post(weir_chan *c, uint32_t type, const void *data, size_t len, int fd)
{
	struct weir__flight **link = NULL;
	if (fd >= 0 && !(link = add_flight(c, type, data, len, fd))) {
		/* Nothing of the queue's will make room: it is looked at again later. */
		weir__set(c->stream, WEIR__ABOVE);
		weir__wait_for_room(c->loop, WEIR__RETRY_MS);
		return WEIR_EFULL;
	}
	int64_t result = write_frame(c, type, data, len, fd >= 0);
	if (result < 0 && link)
		free_flight(&c->loop->mem, remove_flight(c, link));
	return result;
}

/* Room in the queue is kept for confirmations: what the user sends has less of it. */
static int64_t post_bounded(weir_chan *c, uint32_t type, const void *data, size_t len, int fd)
{
	if (weir_queued(c->stream) + (int64_t)(sizeof(struct header) + len) > c->max_queue) {
		weir__set(c->stream, WEIR__ABOVE);
		return WEIR_EFULL;
	}
	return post(c, type, data, len, fd);
}

int64_t weir__chan_say(weir_chan *c, enum weir__word word, const void *data, size_t len, int fd)
{
	int result = may_send(c, len, fd >= 0);
	return result < 0 ? result : post(c, WEIR_CHAN_TYPES + word, data, len, fd);
}

int64_t weir_chan_send(weir_chan *c, uint32_t type, const void *data, size_t len)
{
	if (type >= WEIR_CHAN_TYPES || (len && !data))
		return WEIR_EINVALID;
	int result = may_send(c, len, false);
	return result < 0 ? result : post_bounded(c, type, data, len, -1);
}

int64_t weir_chan_pass(weir_chan *c, uint32_t type, const void *data, size_t len, int fd)
{
	if (type >= WEIR_CHAN_TYPES || (len && !data))
		return WEIR_EINVALID;
	if (!weir__sys_is_open(fd))
		return -EBADF;
	int result = may_send(c, len, true);
	return result < 0 ? result : post_bounded(c, type, data, len, fd);
}

/* ---- taking --------------------------------------------------------------- */

static void fail(weir_chan *c, int why)
{
	weir__stream_doom(c->stream, why);
}

static void landed(weir_chan *c, bool arrived)
{
	if (!c->flights || !c->flights->sent) {
		fail(c, WEIR_EMALFORMED);
		return;
	}
	struct weir__flight *f = remove_flight(c, &c->flights);
	if (arrived)
		close_flight(c, f);
	else
		give_back(c, f);
	if (closed(c) || !c->refused || c->nflights > c->max_passing / 2)
		return;
	c->refused = false;
	if (c->ops && c->ops->drain)
		c->ops->drain(c, c->arg);
}

static void own_word(weir_chan *c, uint32_t word, const char *data, size_t len, int fd)
{
	if (word == WEIR__CONFIRM || word == WEIR__REFUSE)
		landed(c, word == WEIR__CONFIRM);
	else if (word < WEIR__CONFIRM || word >= WEIR__WORDS)
		fail(c, WEIR_EMALFORMED);
	else if (c->word) {
		c->word(c, word, data, len, fd, c->maker);
		return;
	}
	if (fd >= 0)
		weir__sys_close(fd);
}

static void tell(weir_chan *c, uint32_t type, const char *data, size_t len, int fd)
{
	if (type >= WEIR_CHAN_TYPES)
		own_word(c, type - WEIR_CHAN_TYPES, data, len, fd);
	else if (c->ops && c->ops->message)
		c->ops->message(c, type, data, len, fd, c->arg);
	else if (fd >= 0)
		weir__sys_close(fd);
}

/* Where nobody is left to hear it, nobody else will be offered it. */
static bool confirm(weir_chan *c, bool arrived)
{
	const enum weir__word word = arrived ? WEIR__CONFIRM : WEIR__REFUSE;
	return c->deaf || post(c, WEIR_CHAN_TYPES + word, NULL, 0, -1) >= 0;
}

/* The first of those that came. False: there is none, or it cannot be confirmed. */
static bool take_descriptor(weir_chan *c, int *fd)
{
	if (c->ncame == 0) {
		fail(c, WEIR_EMALFORMED);
		return false;
	}
	*fd = c->came[0];
	c->ncame--;
	memmove(c->came, c->came + 1, (size_t)c->ncame * sizeof *c->came);
	/* After weir_chan_finish nothing can be confirmed: the other side keeps it. */
	const bool mute = weir__is(c->stream, WEIR__FINISHING) && !c->deaf;
	if (!mute && confirm(c, *fd != LOST))
		return *fd != LOST;
	if (*fd != LOST)
		weir__sys_close(*fd);
	if (!mute)
		fail(c, -ENOMEM);
	return false;
}

static void take(weir_chan *c, const struct header *header, const char *data, size_t len)
{
	int fd = -1;
	if (!(header->len & WITH_DESCRIPTOR) || take_descriptor(c, &fd))
		tell(c, header->type, data, len, fd);
}

static bool stopped(const weir_chan *c)
{
	return closed(c) || weir__is(c->stream, WEIR__HELD | WEIR__DOOMED);
}

/* How many descriptors may have come for the frame that these octets begin. */
static int claimed(const char *data, size_t len)
{
	struct header header;
	if (len < sizeof header)
		return len > 0;
	memcpy(&header, data, sizeof header);
	return (header.len & WITH_DESCRIPTOR) != 0;
}

static size_t chan_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	weir_chan *c = arg;
	struct header header;
	size_t at = 0;
	(void)stream;
	while (!stopped(c) && len - at >= sizeof header) {
		memcpy(&header, data + at, sizeof header);
		const size_t size = header.len & ~WITH_DESCRIPTOR;
		if (size > (size_t)c->max_message) {
			fail(c, WEIR_ETOOBIG);
			break;
		}
		if (len - at - sizeof header < size)
			break;
		take(c, &header, data + at + sizeof header, size);
		at += sizeof header + size;
	}
	if (!stopped(c) && c->ncame > claimed(data + at, len - at))
		fail(c, WEIR_EMALFORMED);
	return at;
}

static void chan_drain(weir_stream *stream, void *arg)
{
	weir_chan *c = arg;
	(void)stream;
	if (c->ops && c->ops->drain)
		c->ops->drain(c, c->arg);
}

static void chan_end(weir_stream *stream, void *arg)
{
	weir_chan *c = arg;
	c->cut = weir__stream_unread(stream) > 0;
	weir_finish(stream);
}

/* ---- its life -------------------------------------------------------------- */

static weir_chan *of_tenant(struct weir__tenant *tenant)
{
	return (weir_chan *)(void *)((char *)tenant - offsetof(weir_chan, tenant));
}

static void release(weir_chan *c)
{
	weir_loop *loop = c->loop;
	weir__tenant_remove(&c->tenant);
	drop_descriptors(c);
	c->source.fd = -1;
	loop->holds += c->released;
	if (loop->upward == c)
		loop->upward = NULL;
	if (c->closed)
		c->closed(c, c->maker);
	weir__bury(loop, c, sizeof *c);
}

/* What was sent may have been taken, unless all was heard that the other side had to say. */
static void return_flights(weir_chan *c, bool heard_out)
{
	while (!closed(c) && c->flights) {
		struct weir__flight *f = remove_flight(c, &c->flights);
		if (f->sent && !heard_out)
			close_flight(c, f);
		else
			give_back(c, f);
	}
}

static void chan_gone(weir_stream *stream, int why, void *arg)
{
	weir_chan *c = arg;
	(void)stream;
	return_flights(c, why == 0 || why == -ECONNRESET);
	if (closed(c))
		return;
	if (why == 0 && c->cut)
		why = WEIR_ESHORT;
	if (c->ops && c->ops->gone)
		c->ops->gone(c, why, c->arg);
	if (!closed(c))
		release(c);
}

void weir_chan_close(weir_chan *c)
{
	if (!c || closed(c))
		return;
	weir_stream *stream = c->stream;
	release(c);
	weir_close(stream);
}

static void with_loop(struct weir__tenant *tenant)
{
	weir_chan_close(of_tenant(tenant));
}

/* What is on its way, which no slot tells of. */
static void in_forked(struct weir__tenant *tenant)
{
	const weir_chan *c = of_tenant(tenant);
	for (const struct weir__flight *f = c->flights; f; f = f->next)
		weir__sys_close(f->fd);
	for (int i = 0; i < c->ncame; i++)
		if (c->came[i] >= 0)
			weir__sys_close(c->came[i]);
}

void weir_chan_finish(weir_chan *c)
{
	if (!closed(c))
		weir_finish(c->stream);
}

static void apply(weir_chan *c)
{
	const bool released = c->unref || c->mute;
	c->loop->holds += c->released - released;
	c->released = released;
	weir_hold(c->stream, c->held || c->mute);
}

void weir_chan_hold(weir_chan *c, bool hold)
{
	if (closed(c))
		return;
	c->held = hold;
	apply(c);
}

void weir_chan_unref(weir_chan *c, bool unref)
{
	if (closed(c))
		return;
	c->unref = unref;
	apply(c);
}

void weir_chan_on(weir_chan *c, const weir_chan_ops *ops, void *arg)
{
	if (closed(c))
		return;
	c->ops = ops;
	c->arg = arg;
	if (ops)
		weir__chan_listen(c);
}

void weir__chan_listen(weir_chan *c)
{
	c->mute = false;
	apply(c);
}

static bool settle(weir_chan *c, const weir_chan_opts *opts)
{
	c->max_message = opts->max_message ? opts->max_message : 64 << 10;
	c->max_passing = opts->max_passing ? opts->max_passing : 64;
	if (c->max_message < 0 || c->max_message > MOST || c->max_passing < 0)
		return false;
	const int32_t two = 2 * (c->max_message + (int32_t)sizeof(struct header));
	c->max_queue = opts->max_queue ? opts->max_queue : two > 1 << 20 ? two : 1 << 20;
	return c->max_queue >= two && c->max_queue <= INT32_MAX - MARGIN;
}

static int open_stream(weir_chan *c, int fd)
{
	static const weir_stream_ops ops = {
		.data = chan_data, .drain = chan_drain, .end = chan_end, .gone = chan_gone};
	const weir_stream_opts opts = {
		.transport = &transport,
		.transport_arg = c,
		.low = c->max_queue / 4,
		.high = c->max_queue / 2,
		.max_queue = c->max_queue + MARGIN,
		.max_unread = c->max_message + 8 * WEIR__CHUNK,
	};
	int result = weir__sys_is_pair(fd);
	if (result == 0)
		result = weir_adopt(c->loop, &c->stream, fd, &opts, &ops, c);
	if (result < 0)
		return result;
	/* There is nobody to tell that it is open: what is sent goes at once, also from a
	   program whose loop never runs. */
	weir__unset(c->stream, WEIR__OPENING);
	weir__stream_update(c->stream);
	return 0;
}

int weir_chan_open(weir_loop *loop, weir_chan **out, int fd, const weir_chan_opts *opts,
                   const weir_chan_ops *ops, void *arg)
{
	static const weir_chan_opts defaults;
	if (out)
		*out = NULL;
	weir_chan *c = weir__mem_new(&loop->mem, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->flights_end = &c->flights;
	int result = settle(c, opts ? opts : &defaults) ? open_stream(c, fd) : WEIR_EINVALID;
	if (result < 0) {
		weir__mem_free(&loop->mem, c, sizeof *c);
		return result;
	}
	c->tenant = (struct weir__tenant){.free = with_loop, .forked = in_forked};
	weir__tenant_add(loop, &c->tenant);
	c->mute = true;
	apply(c);
	weir_chan_on(c, ops, arg);
	if (out)
		*out = c;
	return 0;
}

int weir_chan_inherit(weir_loop *loop, weir_chan **out, const weir_chan_opts *opts,
                      const weir_chan_ops *ops, void *arg)
{
	weir_chan *c = loop->upward;
	if (out)
		*out = NULL;
	/* weir_ready has found it before. */
	if (c && c->spare) {
		c->spare = false;
		weir_chan_on(c, ops, arg);
		if (out)
			*out = c;
		return 0;
	}
	int fd = weir__sys_inherit_channel();
	int result = fd < 0 ? fd : weir_chan_open(loop, &c, fd, opts, ops, arg);
	if (result < 0)
		return result;
	if (!loop->upward)
		loop->upward = c;
	if (out)
		*out = c;
	return 0;
}
