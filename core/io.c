/* Watching a descriptor that is the user's own. */
#include "core/loop.h"

#include <errno.h>

/* weir_io begins as a weir__source does. */
_Static_assert(offsetof(weir_io, fd) == offsetof(struct weir__source, fd), "fd");
_Static_assert(offsetof(weir_io, kind) == offsetof(struct weir__source, kind), "kind");
_Static_assert(offsetof(weir_io, want) == offsetof(struct weir__source, want), "want");
_Static_assert(offsetof(weir_io, bits) == offsetof(struct weir__source, bits), "bits");
_Static_assert((int)WEIR_READ == (int)WEIR__IN && (int)WEIR_WRITE == (int)WEIR__OUT, "masks");

static struct weir__source *source_of(weir_io *io)
{
	return (struct weir__source *)(void *)io;
}

static void io_ready(weir_loop *loop, struct weir__source *source, unsigned ready)
{
	weir_io *io = (weir_io *)(void *)source;
	(void)loop;
	io->fn(io, ready, io->arg);
}

static void io_close(weir_loop *loop, struct weir__source *source)
{
	(void)loop;
	weir_io_stop((weir_io *)(void *)source);
}

int weir_io_start(weir_loop *loop, weir_io *io, int fd, unsigned want, weir_io_fn *fn, void *arg)
{
	static const struct weir__role role = {.ready = io_ready, .close = io_close};
	int result = weir__thread_check(loop);
	if (result < 0)
		return result;
	/* Started already: goes on as it is. */
	if (weir__source_at(loop, fd) == source_of(io))
		return -EBUSY;
	*io = (weir_io){
		.fd = fd, .kind = WEIR__IO, .want = want & 3u, .loop = loop, .fn = fn, .arg = arg};
	loop->roles[WEIR__IO] = &role;
	/* Stopping does not close the descriptor, so the poller has to be told. */
	result = weir__attach(loop, source_of(io), true);
	if (result < 0)
		io->fd = -1;
	else
		loop->holds += io->want != 0;
	return result;
}

int weir_io_want(weir_io *io, unsigned want)
{
	if (io->fd < 0)
		return WEIR_ESTATE;
	int result = weir__thread_check(io->loop);
	if (result < 0)
		return result;
	want &= 3u;
	io->loop->holds += (want != 0) - (io->want != 0);
	weir__want(io->loop, source_of(io), want);
	return 0;
}

void weir_io_stop(weir_io *io)
{
	if (io->fd < 0)
		return;
	io->loop->holds -= io->want != 0;
	weir__detach(io->loop, source_of(io));
	io->fd = -1;
}
