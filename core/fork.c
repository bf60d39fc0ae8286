/*
 * fork.c: how does a process go on as two, each with a loop of its own?
 *
 * The child has a copy of all that the parent's loop is, and must touch none of it: a
 * removal from the poller's set would edit the parent's, a listener's end would remove its
 * path. So what the old loop has open is only closed, its memory is left as it lies (it is
 * common with the parent until somebody writes to it), and everything begins anew.
 */
#include <errno.h>

#include "core/child.h"

/* The poller first: what is closed behind it is none of its business any more. */
static void abandon(weir_loop *loop)
{
	weir__poller_close(loop->poller);
	loop->poller = NULL;
	for (struct weir__tenant *t = loop->tenants; t; t = t->next)
		if (t->forked)
			t->forked(t);
	weir__listeners_abandon(loop);
	for (int32_t fd = 0; fd < loop->nslots; fd++) {
		struct weir__source *source = weir__source_at(loop, fd);
		/* Descriptors of weir_io are the user's. */
		if (source && source->kind != WEIR__IO && source != &loop->wake)
			weir__sys_close(fd);
	}
	weir__sys_wake_close(loop->wake_fd);
}

static int new_loop(weir_loop **loop, const struct weir__mem *mem)
{
	const weir_loop_opts opts = {
		.alloc = mem->fn,
		.alloc_arg = mem->arg,
		.max_memory = mem->cap < SIZE_MAX ? (int64_t)mem->cap : 0,
	};
	return weir_loop_new(loop, &opts);
}

/* What the child does; its status. */
static int live(weir_loop *old, int fd, const weir_chan_opts *opts, weir_child_body *body,
                void *arg)
{
	weir_loop *loop;
	weir_chan *chan;
	const struct weir__mem mem = old->mem;
	abandon(old);
	if (new_loop(&loop, &mem) < 0 || weir_chan_open(loop, &chan, fd, opts, NULL, NULL) < 0)
		return 1;
	loop->forked = true;
	loop->upward = chan;
	int code = body(loop, chan, arg);
	if (code < 0 || weir_loop_run(loop) < 0)
		code = 1;
	/* What it said last, and did not wait for. */
	while (loop->upward && weir__chan_queued(loop->upward) > 0 && weir_loop_step(loop, -1) >= 0)
		continue;
	weir_loop_free(loop);
	return code;
}

int weir_fork_child(weir_loop *loop, weir_child **out, weir_child_body *body, void *body_arg,
                    const weir_child_opts *opts, const weir_child_ops *ops, void *arg)
{
	static const weir_child_opts defaults;
	int end[2];
	if (out)
		*out = NULL;
	if (!opts)
		opts = &defaults;
	int result = weir__thread_check(loop);
	if (result < 0)
		return result;
	weir_child *c = weir__child_new(loop, ops, arg, 0);
	if (!c)
		return -ENOMEM;
	result = weir__sys_pair(end);
	if (result < 0) {
		weir__child_discard(c);
		return result;
	}
	result = weir__child_channel(c, end[0], opts);
	if (result < 0)
		weir__sys_close(end[0]);
	else
		result = weir__child_expect(c);
	int64_t pid = result < 0 ? result : weir__sys_fork();
	if (pid == 0)
		weir__sys_exit(live(loop, end[1], opts->chan_opts, body, body_arg));
	weir__sys_close(end[1]);
	if (pid < 0) {
		weir_chan *chan = c->chan;
		weir__child_discard(c);
		weir_chan_close(chan);
		return (int)pid;
	}
	weir__child_runs(c, pid, -1, opts->ready_ms);
	if (out)
		*out = c;
	return 0;
}
