/*
 * Streams that the program opens itself: by connecting, or of a descriptor that
 * it has; that may be one which somebody else has accepted.
 *
 * When connecting, a refusal is told by `gone` from the loop on every system, also
 * where the kernel knows it at once; only a bad address and the want of a
 * descriptor or memory are results of the call.
 */
#include <errno.h>

#include "core/addr.h"
#include "core/stream.h"

/* Numeric addresses only; ":80" is this host. */
static int resolve(const char *address, struct weir__addr *addr)
{
	struct weir__where where;
	int result = weir__addr_parse(address, &where);
	if (result < 0)
		return result;
	*addr = where.addr;
	if (where.place == WEIR__PLACE_ANY) {
		static const uint8_t loopback[4] = {127, 0, 0, 1};
		addr->kind = WEIR__ADDR_IP4;
		for (int i = 0; i < 4; i++)
			addr->u.ip[i] = loopback[i];
	} else if (where.place != WEIR__PLACE_ADDR) {
		return WEIR_EADDRESS;
	}
	return 0;
}

/* ---- a block and an owner for it ---------------------------------------- */

/* Makes the block a stream of what is asked for. 0 or < 0. */
typedef int open_fn(weir_stream *s, struct weir__owner *owner, const void *what);

static int open_for(struct weir__owner *owner, weir_stream **out, open_fn *open, const void *what)
{
	struct weir__mem *mem = &owner->loop->mem;
	weir_stream *s = weir__mem_new(mem, sizeof *s);
	int result = s ? open(s, owner, what) : -ENOMEM;
	*out = NULL;
	if (result < 0) {
		weir__mem_free(mem, s, sizeof *s);
		return result;
	}
	*out = s;
	return 0;
}

static int open_stream(weir_loop *loop, weir_stream **out, const weir_stream_opts *opts,
                       open_fn *open, const void *what)
{
	*out = NULL;
	int result = weir__thread_check(loop);
	if (result < 0)
		return result;
	struct weir__owner *owner = weir__owner_get(loop, opts);
	result = owner ? open_for(owner, out, open, what) : -ENOMEM;
	weir__owner_put(owner);
	return result;
}

/* ---- connecting --------------------------------------------------------- */

static int open_connection(weir_stream *s, struct weir__owner *owner, const void *what)
{
	const struct weir__addr *addr = what;
	bool pending = false;
	int outcome = 0;
	int fd = weir__sys_connect(addr, &pending, &outcome);
	if (fd < 0)
		return fd;
	int result =
		weir__stream_init(s, owner, fd, pending ? WEIR__CONNECTING : WEIR__OPENING, false);
	if (result < 0) {
		weir__sys_close(fd);
		return result;
	}
	weir__stream_set_peer(s, addr);
	if (outcome < 0)
		weir__stream_doom(s, outcome);
	else if (!pending)
		weir__errand(owner->loop, &s->source);
	return 0;
}

int weir_connect(weir_loop *loop, weir_stream **out, const char *address,
                 const weir_stream_opts *opts, const weir_stream_ops *ops, void *arg)
{
	struct weir__addr addr;
	int result = resolve(address, &addr);
	*out = NULL;
	if (result == 0)
		result = open_stream(loop, out, opts, open_connection, &addr);
	if (result == 0)
		weir_stream_on(*out, ops, arg);
	return result;
}

void weir__stream_connected(weir_stream *s)
{
	int result = weir__sys_connect_result(s->source.fd);
	if (result == -EINPROGRESS)
		return;
	weir__unset(s, WEIR__CONNECTING);
	if (result < 0) {
		weir__stream_end(s, result);
		return;
	}
	weir__stream_alive(s);
	weir__stream_update(s);
	if (s->ops->open)
		s->ops->open(s, s->arg);
	/* What was written, or finished, meanwhile. */
	if (!weir__is(s, WEIR__CLOSED))
		weir__stream_flush(s);
}

/* ---- adopting ----------------------------------------------------------- */

/* A descriptor that is only written to (a pipe's end) has nobody who could end. A
   read of nothing moves nothing, but tells. */
static unsigned write_only(int fd)
{
	const struct weir__vec nothing = {NULL, 0};
	return weir__sys_readv(fd, &nothing, 1) == -EBADF ? WEIR__EOF | WEIR__END_TOLD : 0;
}

static int adopt(weir_stream *s, struct weir__owner *owner, const void *what)
{
	const int *fd = what;
	int result = weir__sys_adopt(*fd);
	/* The user may have copies of what he gives: closing alone may not be enough. */
	if (result == 0)
		result = weir__stream_init(s, owner, *fd, WEIR__OPENING | write_only(*fd), true);
	if (result == 0)
		weir__errand(owner->loop, &s->source);
	return result;
}

int weir__adopt(struct weir__owner *owner, weir_stream **out, int fd, const weir_stream_ops *ops,
                void *arg)
{
	int result = open_for(owner, out, adopt, &fd);
	if (result == 0)
		weir_stream_on(*out, ops, arg);
	return result;
}

int weir_adopt(weir_loop *loop, weir_stream **out, int fd, const weir_stream_opts *opts,
               const weir_stream_ops *ops, void *arg)
{
	int result = open_stream(loop, out, opts, adopt, &fd);
	if (result == 0)
		weir_stream_on(*out, ops, arg);
	return result;
}

/* ---- what somebody else has accepted ------------------------------------ */

/* It tells of itself as one that was accepted does, but not inside a call of the program's. */
static void introduce(weir_stream *s, struct weir__owner *owner, const struct weir__addr *peer)
{
	weir__conns_add(owner->loop, owner->accepts);
	(void)weir__sys_nodelay(s->source.fd, true); /* unix sockets refuse it */
	weir__stream_set_peer(s, peer);
	weir_stream_on(s, owner->ops, owner->arg);
	weir__errand(owner->loop, &s->source);
	if (owner->taken)
		owner->taken(s);
}

int weir__take(struct weir__owner *owner, int fd)
{
	struct weir__mem *mem = &owner->loop->mem;
	struct weir__addr peer;
	int result = weir__sys_remote(fd, &peer);
	if (result < 0)
		return result;
	/* Before one that is idle has to go. */
	if (weir__source_at(owner->loop, fd))
		return -EBUSY;
	if (weir__owner_full(owner) && !weir__owner_evict(owner))
		return -EMFILE;
	weir_stream *s = weir__mem_new(mem, sizeof *s);
	result = s ? weir__sys_adopt(fd) : -ENOMEM;
	if (result == 0)
		result = weir__stream_init(s, owner, fd, WEIR__OPENING, true);
	if (result < 0) {
		weir__mem_free(mem, s, sizeof *s);
		return result;
	}
	introduce(s, owner, &peer);
	return 0;
}
