/*
 * spawn.c: what does a program that is started get along?
 *
 * Descriptors: a number of this process for each of the child's own; pipes are made for
 * it. Behind those stand the listening sockets and the channel, if it is to have them,
 * and the environment says where.
 */
#include <errno.h>
#include <string.h>

#include "core/addr.h"
#include "core/child.h"
#include "core/stream.h"

/* The first that systemd's convention passes sockets at. */
#define FIRST_PASSED 3
/* More than anybody has use for; all of them stand in one array below. */
#define MOST_FDS 256

/* A child in the making. */
struct kit {
	weir_loop *loop;
	weir_child *child;
	const weir_child_opts *opts;
	int fds[MOST_FDS + 1];
	int ours[MOST_FDS + 1]; /* made for the child, and closed here when it has them; or -1 */
	int32_t nfds;
	int32_t nsockets;
	int32_t channel; /* the child's number for it, or -1 */
	char **env;      /* one block: pointers, then text */
	size_t env_size;
	char *pid_texts[2];
	int npid_texts;
};

/* ---- descriptors ----------------------------------------------------------- */

static bool reads(const weir_child_fd *fd)
{
	return fd->kind == WEIR_FD_TO;
}

static bool has_stream(const weir_child_fd *fd)
{
	return fd->kind == WEIR_FD_TO || fd->kind == WEIR_FD_FROM || fd->kind == WEIR_FD_BOTH;
}

/* [0] is to be ours, [1] the child's, which shall wait in its calls. */
static int make_ends(weir_fd_kind kind, int end[2])
{
	int result = kind == WEIR_FD_BOTH ? weir__sys_pair(end) : weir__sys_pipe(end);
	if (result < 0)
		return result;
	if (kind == WEIR_FD_TO) {
		int reading = end[0];
		end[0] = end[1];
		end[1] = reading;
	}
	(void)weir__sys_disown(end[1]);
	return 0;
}

static int make_stream(struct kit *kit, const weir_child_fd *fd, int end)
{
	static const weir_stream_ops nothing;
	weir_child *c = kit->child;
	weir_stream *stream;
	if (!weir__child_owner(c))
		return -ENOMEM;
	int result = weir__adopt(c->owner, &stream, end, fd->ops ? fd->ops : &nothing, fd->arg);
	if (result < 0)
		return result;
	if (fd->stream)
		*fd->stream = stream;
	if (reads(fd))
		c->tos[c->nto++] = end;
	return 0;
}

static int add_number(struct kit *kit, int fd)
{
	if (kit->nfds >= MOST_FDS)
		return -EMFILE;
	kit->ours[kit->nfds] = -1;
	kit->fds[kit->nfds++] = fd;
	return 0;
}

/* Its close here does not end it any more. */
static void note_shared(const weir_loop *loop, int fd)
{
	struct weir__source *source = weir__source_at(loop, fd);
	if (source)
		source->shared = 1;
}

static int add_stream(struct kit *kit, const weir_stream *given)
{
	const int fd = weir_stream_fd(given);
	note_shared(kit->loop, fd);
	return add_number(kit, fd);
}

/* One that is here already; of those that are made, only the place. */
static int add_found(struct kit *kit, const weir_child_fd *fd)
{
	switch (fd->kind) {
	case WEIR_FD_INHERIT:
		return add_number(kit, weir__sys_is_open(kit->nfds) ? kit->nfds : WEIR__FD_NULL);
	case WEIR_FD_GIVEN:
		return weir__sys_is_open(fd->fd) ? add_number(kit, fd->fd) : -EBADF;
	case WEIR_FD_STREAM:
		return fd->given ? add_stream(kit, fd->given) : WEIR_EINVALID;
	case WEIR_FD_NULL:
	case WEIR_FD_TO:
	case WEIR_FD_FROM:
	case WEIR_FD_BOTH:
		return add_number(kit, WEIR__FD_NULL);
	}
	return WEIR_EINVALID;
}

static int add_pipe(struct kit *kit, const weir_child_fd *fd, int32_t place)
{
	int end[2];
	int result = make_ends(fd->kind, end);
	if (result < 0)
		return result;
	kit->ours[place] = kit->fds[place] = end[1];
	result = make_stream(kit, fd, end[0]);
	if (result < 0)
		weir__sys_close(end[0]);
	return result;
}

/* First what is found: what is made may take a number that nothing was at. */
static int add_own(struct kit *kit)
{
	static const weir_child_fd inherit;
	const weir_child_opts *o = kit->opts;
	int32_t n = o->nfds ? o->nfds : FIRST_PASSED;
	int result = 0;
	for (int32_t i = 0; i < n && result == 0; i++)
		result = add_found(kit, o->nfds ? &o->fds[i] : &inherit);
	for (int32_t i = 0; i < o->nfds && result == 0; i++)
		if (has_stream(&o->fds[i]))
			result = add_pipe(kit, &o->fds[i], i);
	return result;
}

static int add_sockets(struct kit *kit)
{
	int result = 0;
	if (!kit->opts->sockets)
		return 0;
	for (struct weir__socket *s = kit->loop->sockets; s && result == 0; s = s->next) {
		result = add_number(kit, s->fd);
		kit->nsockets += result == 0;
		note_shared(kit->loop, s->fd);
	}
	kit->child->passes = true;
	return result;
}

static int add_channel(struct kit *kit)
{
	int end[2];
	kit->channel = -1;
	if (!kit->opts->channel)
		return 0;
	int result = weir__sys_pair(end);
	if (result < 0)
		return result;
	(void)weir__sys_disown(end[1]);
	result = add_number(kit, end[1]);
	if (result < 0) {
		weir__sys_close(end[1]);
	} else {
		kit->channel = kit->nfds - 1;
		kit->ours[kit->channel] = end[1];
		result = weir__child_channel(kit->child, end[0], kit->opts);
	}
	if (result < 0)
		weir__sys_close(end[0]);
	return result;
}

static void close_ours(const struct kit *kit)
{
	for (int32_t i = 0; i < kit->nfds; i++)
		if (kit->ours[i] >= 0)
			weir__sys_close(kit->ours[i]);
}

/* ---- the environment -------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_channel(const char *variable)
{
	return begins(variable, "WEIR_CHANNEL=");
}

static bool is_socket(const char *variable)
{
	return begins(variable, "LISTEN_FDS=") || begins(variable, "LISTEN_PID=") ||
	       begins(variable, "LISTEN_FDNAMES=");
}

/* What was meant for this process alone is not handed on, nor what is given, but said
   otherwise here: of two, the first would count. */
static bool goes_along(const struct kit *kit, const char *variable)
{
	const bool given = kit->opts->env != NULL;
	return !(is_channel(variable) && (!given || kit->channel >= 0)) &&
	       !(is_socket(variable) && (!given || kit->nsockets));
}

static size_t names_size(const struct kit *kit)
{
	size_t size = sizeof "LISTEN_FDNAMES=";
	for (const struct weir__socket *s = kit->loop->sockets; s; s = s->next)
		size += s->name_len + sizeof "unknown";
	return size;
}

/* Writes a string and returns where it ends, without its zero. */
static char *put(char *out, const char *text)
{
	const size_t len = strlen(text);
	memcpy(out, text, len + 1);
	return out + len;
}

/* Those that were not named are found by their addresses. */
static char *put_names(const struct kit *kit, char *out)
{
	const char *between = "LISTEN_FDNAMES=";
	for (const struct weir__socket *s = kit->loop->sockets; s; s = s->next) {
		out = put(out, between);
		out = put(out, s->name ? s->name : "unknown");
		between = ":";
	}
	return out;
}

static void leave_pid(struct kit *kit, char *where)
{
	kit->pid_texts[kit->npid_texts++] = where;
}

enum { PID_ROOM = 24, NUMBER_ROOM = 24 };

static char **put_channel(struct kit *kit, char **at, char **text)
{
	if (kit->channel < 0)
		return at;
	*at = *text;
	*text = weir__decimal(put(*text, "WEIR_CHANNEL="), (uint64_t)kit->channel);
	*text = put(*text, ",");
	leave_pid(kit, *text);
	*text += PID_ROOM;
	return at + 1;
}

static char **put_sockets(struct kit *kit, char **at, char **text)
{
	if (!kit->nsockets)
		return at;
	*at++ = *text;
	*text = put(*text, "LISTEN_PID=");
	leave_pid(kit, *text);
	*text += PID_ROOM;
	*at++ = *text;
	*text = weir__decimal(put(*text, "LISTEN_FDS="), (uint64_t)kit->nsockets);
	*(*text)++ = '\0';
	*at++ = *text;
	*text = put_names(kit, *text) + 1;
	return at;
}

static int make_environment(struct kit *kit)
{
	const char *const *from = kit->opts->env;
	size_t n = 0;
	if (!from)
		from = (const char *const *)weir__sys_environment();
	while (from && from[n])
		n++;
	kit->env_size = (n + 5) * sizeof *kit->env + 3 * (sizeof "WEIR_CHANNEL=" + PID_ROOM) +
	                2 * NUMBER_ROOM + names_size(kit);
	kit->env = weir__mem_new(&kit->loop->mem, kit->env_size);
	if (!kit->env)
		return -ENOMEM;
	char **at = kit->env;
	char *text = (char *)(kit->env + n + 5);
	for (size_t i = 0; i < n; i++)
		if (goes_along(kit, from[i]))
			*at++ = (char *)(uintptr_t)from[i];
	at = put_channel(kit, at, &text);
	put_sockets(kit, at, &text);
	return 0;
}

/* ---- starting ---------------------------------------------------------------- */

static int pack(struct kit *kit)
{
	int result = add_own(kit);
	if (result == 0)
		result = add_sockets(kit);
	if (result == 0)
		result = add_channel(kit);
	if (result == 0)
		result = make_environment(kit);
	if (result == 0)
		result = weir__child_expect(kit->child);
	return result;
}

static int start(struct kit *kit)
{
	const weir_child_opts *o = kit->opts;
	const struct weir__spawn how = {
		.file = o->file ? o->file : o->argv[0],
		.argv = (char *const *)(uintptr_t)o->argv,
		.env = kit->env,
		.cwd = o->cwd && *o->cwd ? o->cwd : NULL,
		.fds = kit->fds,
		.nfds = kit->nfds,
		.uid = o->uid ? o->uid : -1,
		.gid = o->gid ? o->gid : -1,
		.session = o->session,
		.pid_texts = kit->pid_texts,
		.npid_texts = kit->npid_texts,
	};
	int report;
	int64_t pid = weir__sys_spawn(&how, &report);
	if (pid < 0)
		return (int)pid;
	weir__child_runs(kit->child, pid, report, o->ready_ms);
	return 0;
}

/* The streams that were made for it, which nobody has heard of yet. */
static void close_streams(const struct kit *kit)
{
	weir_loop *loop = kit->loop;
	const struct weir__owner *owner = kit->child->owner;
	for (int32_t fd = 0; owner && owner->conns > 0 && fd < loop->nslots; fd++) {
		weir_stream *s = weir__stream_at(loop, fd);
		if (s && s->owner == owner)
			weir_close(s);
	}
}

static void unpack(const struct kit *kit)
{
	weir_child *c = kit->child;
	weir_chan *chan = c->chan;
	for (int32_t i = 0; i < kit->opts->nfds; i++)
		if (has_stream(&kit->opts->fds[i]) && kit->opts->fds[i].stream)
			*kit->opts->fds[i].stream = NULL;
	close_streams(kit);
	weir__child_discard(c);
	weir_chan_close(chan);
}

static bool makes_sense(const weir_child_opts *o)
{
	return o->argv && o->argv[0] && o->nfds >= 0 && (!o->nfds || o->fds) && o->uid >= 0 &&
	       o->gid >= 0 && !(o->sockets && o->nfds && o->nfds != FIRST_PASSED) &&
	       (o->ready_ms <= 0 || o->channel);
}

static int32_t count_reading(const weir_child_opts *o)
{
	int32_t n = 0;
	for (int32_t i = 0; i < o->nfds; i++)
		n += reads(&o->fds[i]);
	return n;
}

int weir_spawn(weir_loop *loop, weir_child **out, const weir_child_opts *opts,
               const weir_child_ops *ops, void *arg)
{
	struct kit kit = {.loop = loop, .opts = opts};
	if (out)
		*out = NULL;
	int result = weir__thread_check(loop);
	if (result == 0 && !makes_sense(opts))
		result = WEIR_EINVALID;
	if (result < 0)
		return result;
	kit.child = weir__child_new(loop, ops, arg, count_reading(opts));
	if (!kit.child)
		return -ENOMEM;
	result = pack(&kit);
	if (result == 0)
		result = start(&kit);
	close_ours(&kit);
	weir__mem_free(&loop->mem, kit.env, kit.env_size);
	if (result < 0) {
		unpack(&kit);
		return result;
	}
	if (out)
		*out = kit.child;
	return 0;
}
