/* What the streams of one server, or of one connect, have in common. */
#include "core/loop.h"

static int32_t positive(int32_t value, int32_t none, int32_t zero)
{
	return value > 0 ? value : value < 0 ? none : zero;
}

static int32_t at_most(int32_t value, int32_t most)
{
	return value < most ? value : most;
}

/* Whoever names only one of them gets the others in order. */
static void sort_marks(struct weir__owner *owner)
{
	owner->high = at_most(owner->high, owner->max_queue);
	owner->low = at_most(owner->low, owner->high);
}

void weir__owner_init(struct weir__owner *owner, weir_loop *loop, const weir_stream_opts *opts,
                      const weir_stream_ops *ops, void *arg)
{
	static const weir_stream_opts defaults;
	if (!opts)
		opts = &defaults;
	*owner = (struct weir__owner){
		.loop = loop,
		.arg = arg,
		.ops = ops,
		.transport = opts->transport,
		.transport_arg = opts->transport_arg,
		.refs = 1,
		.max_conns = positive(opts->max_conns, INT32_MAX, INT32_MAX),
		.idle_ms = positive(opts->idle_ms, 0, 0),
		.low = positive(opts->low, 0, 16 << 10),
		.high = positive(opts->high, INT32_MAX, 64 << 10),
		.max_queue = positive(opts->max_queue, INT32_MAX, 4 << 20),
		.max_unread = positive(opts->max_unread, INT32_MAX, 64 << 10),
	};
	sort_marks(owner);
}

static struct weir__owner *new_owner(weir_loop *loop, const weir_stream_opts *opts,
                                     const weir_stream_ops *ops, void *arg)
{
	struct weir__owner *owner = weir__mem_new(&loop->mem, sizeof *owner);
	if (owner)
		weir__owner_init(owner, loop, opts, ops, arg);
	return owner;
}

struct weir__owner *weir__owner_accepts(weir_loop *loop, const weir_stream_opts *opts,
                                        const weir_stream_ops *ops, void *arg)
{
	struct weir__owner *owner = new_owner(loop, opts, ops, arg);
	if (owner)
		owner->accepts = true;
	return owner;
}

struct weir__owner *weir__owner_get(weir_loop *loop, const weir_stream_opts *opts)
{
	if (opts)
		return new_owner(loop, opts, NULL, NULL);
	loop->plain.refs++;
	return &loop->plain;
}

void weir__owner_put(struct weir__owner *owner)
{
	if (owner && --owner->refs == 0)
		weir__mem_free(&owner->loop->mem, owner, sizeof *owner);
}
