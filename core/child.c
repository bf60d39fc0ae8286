/*
 * child.c: what is heard of a process that was started, and when is it forgotten?
 *
 *   weir_spawn ──► runs ──► ended (exit) ──► its streams and channel are at their end ──► gone
 *                   │
 *                   └──► could not be run: the same without exit
 *
 * Its end is heard of by a descriptor where the kernel has them for processes, else by
 * SIGCHLD, upon which each child is asked about; never is any process waited for but those
 * started here. The number of a process is used only until it was waited for: so no signal
 * goes to a stranger who has it next.
 */
#include "core/child.h"

#include <errno.h>

#include "core/stream.h"

enum { BURIED = -2 };

static weir_child *of_tenant(struct weir__tenant *tenant)
{
	return (weir_child *)(void *)((char *)tenant - offsetof(weir_child, tenant));
}

static weir_child *of_report(struct weir__source *source)
{
	return (weir_child *)(void *)((char *)source - offsetof(weir_child, report));
}

/* ---- going ---------------------------------------------------------------- */

static void close_source(weir_loop *loop, struct weir__source *source)
{
	if (source->fd < 0)
		return;
	weir__detach(loop, source);
	weir__sys_close(source->fd);
	source->fd = -1;
}

static void let_go_of_streams(weir_child *c)
{
	if (c->owner) {
		c->owner->closed = NULL;
		weir__owner_put(c->owner);
		c->owner = NULL;
	}
	if (c->chan) {
		c->chan->word = NULL;
		c->chan->closed = NULL;
		c->chan = NULL;
	}
}

static void release(weir_child *c)
{
	weir_loop *loop = c->loop;
	close_source(loop, &c->ending);
	close_source(loop, &c->report);
	weir_signal_stop(&c->signal);
	weir_timer_stop(&c->look);
	weir_timer_stop(&c->patience);
	weir_task_cancel(loop, &c->step);
	let_go_of_streams(c);
	weir__tenant_remove(&c->tenant);
	loop->holds -= !c->dropped;
	c->ending.fd = BURIED;
	weir__bury(loop, c, sizeof *c + (size_t)c->ntos * sizeof *c->tos);
}

static void with_loop(struct weir__tenant *tenant)
{
	weir_child *c = of_tenant(tenant);
	/* The last chance not to leave it to the system. */
	if (!c->ended)
		(void)weir__sys_reap(c->pid, &c->code, &c->signo);
	release(c);
}

void weir_child_close(weir_child *c)
{
	if (!c || c->ending.fd == BURIED || c->dropped)
		return;
	let_go_of_streams(c);
	weir_timer_stop(&c->patience);
	if (c->ended) {
		release(c);
		return;
	}
	c->dropped = true;
	c->loop->holds--;
}

void weir__child_discard(weir_child *c)
{
	c->ended = true;
	release(c);
}

/* ---- what there is to tell ------------------------------------------------- */

/* Those who read nothing any more need no writers. */
static void end_streams_to(weir_child *c)
{
	for (int32_t i = 0; c->owner && i < c->nto; i++) {
		weir_stream *s = weir__stream_at(c->loop, c->tos[i]);
		if (s && s->owner == c->owner)
			weir__stream_doom(s, -EPIPE);
	}
}

/* False: it was closed, or is forgotten. */
static bool tell_exit(weir_child *c)
{
	if (c->told)
		return true;
	c->told = true;
	end_streams_to(c);
	if (!c->dropped && (c->ran || c->error == WEIR_ETIMEOUT) && !c->unknown && c->ops->exit)
		c->ops->exit(c, c->code, c->signo, c->arg);
	return c->ending.fd != BURIED;
}

static void step(weir_task *task, void *arg)
{
	weir_child *c = arg;
	(void)task;
	if (!c->ended || c->report.fd >= 0 || !tell_exit(c))
		return;
	if (!c->dropped && ((c->owner && c->owner->conns > 0) || c->chan))
		return;
	if (!c->dropped && c->ops->gone)
		c->ops->gone(c, c->error, c->arg);
	if (c->ending.fd != BURIED)
		release(c);
}

static void go_on(weir_child *c)
{
	if (c->ended)
		weir_later(c->loop, &c->step);
}

/* ---- what is heard --------------------------------------------------------- */

static void hear_report(weir_child *c)
{
	if (c->report.fd < 0)
		return;
	int outcome = weir__sys_report(c->report.fd);
	/* Somebody else may have a copy of its end, forked by another thread: but who has
	   ended says no more. */
	if (outcome > 0 && !c->ended)
		return;
	c->ran = outcome >= 0;
	if (outcome < 0)
		c->error = outcome;
	close_source(c->loop, &c->report);
	go_on(c);
}

static void hear_end(weir_child *c)
{
	int result = c->ended ? 0 : weir__sys_reap(c->pid, &c->code, &c->signo);
	if (result == 0)
		return;
	c->ended = true;
	/* The other descriptor has its last word now. */
	hear_report(c);
	c->unknown = result < 0;
	if (c->unknown && c->error == 0)
		c->error = result;
	close_source(c->loop, &c->ending);
	weir_signal_stop(&c->signal);
	weir_timer_stop(&c->look);
	weir_timer_stop(&c->patience);
	go_on(c);
}

static void report_ready(weir_loop *loop, struct weir__source *source, unsigned ready)
{
	(void)loop;
	(void)ready;
	hear_report(of_report(source));
}

static void ending_ready(weir_loop *loop, struct weir__source *source, unsigned ready)
{
	(void)loop;
	(void)ready;
	hear_end((weir_child *)(void *)source);
}

static void look(weir_timer *timer, void *arg)
{
	(void)timer;
	hear_end(arg);
}

static void a_child_ended(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	hear_end(arg);
}

static void not_ready(weir_timer *timer, void *arg)
{
	weir_child *c = arg;
	(void)timer;
	c->error = WEIR_ETIMEOUT;
	weir_child_kill(c, weir__sys_signal_number(WEIR__SIGNAL_KILL));
}

/* The next program has them now: this one removes nothing that is its, and when it ends,
   nobody has to look away. */
static void pass_sockets(weir_loop *loop)
{
	loop->relieved = true;
	for (struct weir__socket *s = loop->sockets; s; s = s->next)
		s->pid = 0;
}

static void chan_word(weir_chan *chan, uint32_t word, const void *data, size_t len, int fd,
                      void *maker)
{
	weir_child *c = maker;
	if (word != WEIR__READY && c->word) {
		c->word(chan, word, data, len, fd, c->arg);
		return;
	}
	if (fd >= 0)
		weir__sys_close(fd);
	/* What it said may be read after its end was heard of. */
	if (word != WEIR__READY || c->ready || c->told)
		return;
	c->ready = true;
	weir_timer_stop(&c->patience);
	if (c->passes)
		pass_sockets(c->loop);
	if (c->ops->ready)
		c->ops->ready(c, c->arg);
}

static void chan_closed(weir_chan *chan, void *maker)
{
	weir_child *c = maker;
	(void)chan;
	c->chan = NULL;
	go_on(c);
}

static void stream_closed(weir_stream *stream)
{
	weir_child *c = stream->owner->arg;
	if (c->owner->conns == 0)
		go_on(c);
}

/* ---- making ----------------------------------------------------------------- */

weir_child *weir__child_new(weir_loop *loop, const weir_child_ops *ops, void *arg, int32_t ntos)
{
	static const weir_child_ops nothing;
	weir_child *c = weir__mem_new(&loop->mem, sizeof *c + (size_t)ntos * sizeof *c->tos);
	if (!c)
		return NULL;
	c->loop = loop;
	c->ops = ops ? ops : &nothing;
	c->arg = arg;
	c->ending.fd = c->report.fd = -1;
	c->ntos = ntos;
	c->tenant.free = with_loop;
	weir__tenant_add(loop, &c->tenant);
	weir_task_init(&c->step, step, c);
	weir_timer_init(&c->patience, not_ready, c);
	weir_timer_unref(&c->patience, true);
	weir_timer_init(&c->look, look, c);
	weir_timer_unref(&c->look, true);
	loop->holds++;
	return c;
}

bool weir__child_owner(weir_child *c)
{
	static const weir_stream_opts defaults;
	if (!c->owner && (c->owner = weir__owner_get(c->loop, &defaults)) != NULL) {
		c->owner->arg = c;
		c->owner->closed = stream_closed;
	}
	return c->owner != NULL;
}

int weir__child_channel(weir_child *c, int fd, const weir_child_opts *opts)
{
	int result = weir_chan_open(c->loop, &c->chan, fd, opts->chan_opts, opts->chan_ops,
	                            opts->chan_arg);
	if (result < 0)
		return result;
	c->chan->word = chan_word;
	c->chan->closed = chan_closed;
	c->chan->maker = c;
	weir__chan_listen(c->chan);
	return 0;
}

int weir__child_expect(weir_child *c)
{
	if (weir__sys_pidfds())
		return 0;
	return weir_signal_start(c->loop, &c->signal, weir__sys_signal_number(WEIR__SIGNAL_CHILD),
	                         a_child_ended, c);
}

static int watch_end(weir_child *c)
{
	int fd = weir__sys_pidfd(c->pid);
	if (fd < 0)
		return fd;
	c->ending = (struct weir__source){.fd = fd, .kind = WEIR__CHILD_EXIT, .want = WEIR__IN};
	int result = weir__attach(c->loop, &c->ending, false);
	if (result < 0) {
		weir__sys_close(fd);
		c->ending.fd = -1;
	}
	return result;
}

static void watch_report(weir_child *c, int fd)
{
	c->report = (struct weir__source){.fd = fd, .kind = WEIR__CHILD_REPORT, .want = WEIR__IN};
	if (weir__attach(c->loop, &c->report, false) == 0)
		return;
	/* Nobody will tell: what is known at the child's end is told then. */
	c->report.want = 0;
	if (weir__attach(c->loop, &c->report, false) < 0) {
		weir__sys_close(fd);
		c->report.fd = -1;
		c->ran = true;
	}
}

static void source_closed(weir_loop *loop, struct weir__source *source)
{
	/* The child's, which is a tenant and was freed before. */
	(void)loop;
	(void)source;
}

void weir__child_runs(weir_child *c, int64_t pid, int report, int32_t ready_ms)
{
	static const struct weir__role ending = {.ready = ending_ready, .close = source_closed};
	static const struct weir__role reporting = {.ready = report_ready, .close = source_closed};
	c->pid = pid;
	c->ran = report < 0;
	c->loop->roles[WEIR__CHILD_EXIT] = &ending;
	c->loop->roles[WEIR__CHILD_REPORT] = &reporting;
	if (report >= 0)
		watch_report(c, report);
	/* Without room for it, it is asked about from time to time. */
	if (!c->signal.loop && watch_end(c) < 0)
		weir_timer_start(c->loop, &c->look, WEIR__RETRY_MS, WEIR__RETRY_MS);
	if (ready_ms > 0)
		weir_timer_start(c->loop, &c->patience, ready_ms, 0);
}

/* ---- asking ----------------------------------------------------------------- */

int64_t weir_child_pid(const weir_child *c)
{
	return c->pid;
}

weir_chan *weir_child_chan(const weir_child *c)
{
	return c->chan;
}

int weir_child_kill(weir_child *c, int signo)
{
	return c->ended || c->ending.fd == BURIED ? -ESRCH : weir__sys_kill(c->pid, signo);
}
