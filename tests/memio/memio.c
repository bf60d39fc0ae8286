/*
 * The kernel in memory: what it is made of, from the bottom up. Octets lie in
 * queues; two ends make a connection or pipe; a file is what a descriptor stands
 * for; pollers look at files; the clock moves in a wait.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/poller.h"
#include "backend/sys.h"
#include "tests/memio/memio.h"

#define FIRST_FD 3
#define FIRST_PORT 40000
#define FIRST_PEER_PORT 50000

struct octets {
	unsigned char *data; /* NULL, or with room for a zero after the last octet */
	size_t start, len, cap;
};

/* One end of a connection or pipe; the test's ends are handed out as clients. */
struct memio_client {
	memio_client *made;  /* the end made before this one */
	memio_client *later; /* the next one in whatever queue it waits in */
	memio_client *other; /* NULL while a connect is on its way or has failed */
	struct octets in;    /* the program's: not yet read; the test's: all received */
	size_t unread;       /* octets of `in` that its owner has not read */
	size_t room;         /* how many unread octets it takes */
	size_t told;         /* how many it must take for the other end to be writable */
	bool is_test, is_pipe;
	bool can_read, can_write;
	bool accepted;
	bool pending;    /* a connect that nobody has decided yet */
	int failure;     /* a connect that failed, not yet told */
	bool finished;   /* has sent FIN */
	bool closed;     /* is gone */
	bool abrupt;     /* its close is to be a reset */
	bool sent_reset; /* it was, or later octets were answered with one */
	bool got_finish;
	bool got_reset; /* not yet told by a read or write */
	bool dead;      /* told */
	struct weir__addr local, remote;
};

struct queue {
	memio_client *first, *last;
	int len;
};

enum kind { LISTENER, STREAM, WAKE, PLAIN };

struct file {
	enum kind kind;
	memio_client *end;  /* STREAM */
	struct queue queue; /* LISTENER: the program's ends, not yet accepted */
	struct weir__addr addr;
	struct weir__listen_how how;
	char *name; /* LISTENER: inherited under this name */
	bool inherited;
	uint64_t wakes;      /* WAKE */
	struct octets plain; /* PLAIN */
	bool nodelay;
	int keepalive;
	unsigned spurious;
};

struct registration {
	unsigned mask;
	uint32_t tag;
};

struct weir__poller {
	weir__poller *next;
	struct registration *regs; /* by descriptor */
	int n;
	int cursor; /* where the next scan begins */
};

struct action {
	struct action *next;
	int64_t at;
	void (*fn)(void *arg);
	void *arg;
};

struct fault {
	struct fault *next;
	enum memio_call call;
	unsigned left;
	int error;
};

/* A unix path in the file system, or an address where the test listens. */
struct place {
	struct place *next;
	struct weir__addr addr;
};

struct caught {
	int wake; /* descriptor plus 1; 0: not caught */
	unsigned count;
};

#define FRESH_KERNEL                                                                               \
	{                                                                                          \
		.wall = 1000000000, .next_port = FIRST_PORT, .next_peer_port = FIRST_PEER_PORT,    \
		.most_read = SIZE_MAX, .most_written = SIZE_MAX, .buffer = 65536,                  \
		.fd_limit = 1024, .poller_limit = INT_MAX, .thread = 1, .pid = 1000,               \
	}

static struct kernel {
	int64_t now; /* in microseconds, as are the times of actions */
	int64_t wall;
	bool interrupted;
	struct action *actions; /* by time */
	struct file **files;    /* by descriptor */
	int nfiles;
	weir__poller *pollers;
	memio_client *ends; /* all, for the reset */
	struct place *paths, *servers;
	struct queue served; /* the test's ends, not yet accepted by it */
	struct queue held;   /* the program's ends, still pending */
	bool hold;
	int refuse;
	uint16_t next_port, next_peer_port;
	struct caught signals[WEIR__SIGNAL_MAX];
	struct fault *faults;
	int fail_all[MEMIO_CALLS];
	unsigned counts[MEMIO_CALLS];
	size_t most_read, most_written, buffer;
	int fd_limit, poller_limit;
	uintptr_t thread;
	int64_t pid;
	char misuse[160];
} k = FRESH_KERNEL;

/* ---- small things ---- */

static void *resized(void *old, size_t size)
{
	void *block = realloc(old, size);

	if (block == NULL)
		abort();
	return block;
}

static void *zeroed(size_t size)
{
	return memset(resized(NULL, size), 0, size);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The first misuse is the cause of the others. */
static void misuse(const char *format, ...)
{
	va_list args;

	if (k.misuse[0] != '\0')
		return;
	va_start(args, format);
	(void)vsnprintf(k.misuse, sizeof(k.misuse), format, args);
	va_end(args);
}

/* Counts a call and says which error it has to fail with, or 0. */
static int enter(enum memio_call call)
{
	int error = k.fail_all[call];

	k.counts[call]++;
	for (struct fault **at = &k.faults; *at != NULL;) {
		struct fault *f = *at;

		if (f->call != call || --f->left > 0) {
			at = &f->next;
			continue;
		}
		error = f->error;
		*at = f->next;
		free(f);
	}
	return error == EINTR && call != MEMIO_POLLER_WAIT ? 0 : error;
}

static void put(struct octets *o, const void *data, size_t len)
{
	if (len == 0)
		return;
	if (o->start > 0 && o->len > 0 && o->start + o->len + len >= o->cap)
		memmove(o->data, o->data + o->start, o->len);
	if (o->len == 0 || o->start + o->len + len >= o->cap)
		o->start = 0;
	if (o->len + len >= o->cap) {
		o->cap = 2 * (o->len + len) + 1;
		o->data = resized(o->data, o->cap);
	}
	memcpy(o->data + o->start + o->len, data, len);
	o->len += len;
	o->data[o->start + o->len] = '\0';
}

/* Takes what fits into the pieces. */
static size_t take(struct octets *o, const struct weir__vec *vec, int n, size_t most)
{
	size_t taken = 0;

	for (int i = 0; i < n && o->len > 0 && taken < most; i++) {
		size_t len = least(least(vec[i].len, o->len), most - taken);

		if (len > 0)
			memcpy(vec[i].data, o->data + o->start, len);
		o->start += len;
		o->len -= len;
		taken += len;
	}
	return taken;
}

static void push(struct queue *q, memio_client *end)
{
	end->later = NULL;
	if (q->last != NULL)
		q->last->later = end;
	else
		q->first = end;
	q->last = end;
	q->len++;
}

static memio_client *pop(struct queue *q)
{
	memio_client *end = q->first;

	if (end == NULL)
		return NULL;
	q->first = end->later;
	if (q->first == NULL)
		q->last = NULL;
	q->len--;
	return end;
}

/* ---- addresses ---- */

static bool is_path(const struct weir__addr *a)
{
	return a->kind == WEIR__ADDR_UNIX && !a->abstract;
}

static bool same_unix(const struct weir__addr *a, const struct weir__addr *b)
{
	return a->abstract == b->abstract && a->path_len == b->path_len &&
	       memcmp(a->u.path, b->u.path, a->path_len) == 0;
}

static bool is_wildcard(const struct weir__addr *a)
{
	static const uint8_t zeroes[16];

	return memcmp(a->u.ip, zeroes, a->kind == WEIR__ADDR_IP4 ? 4 : 16) == 0;
}

/* Whether a listener there is reached by a connect to that address. */
static bool covers(const struct weir__addr *there, bool v6_only, const struct weir__addr *to)
{
	if (there->kind == WEIR__ADDR_UNIX || to->kind == WEIR__ADDR_UNIX)
		return there->kind == to->kind && same_unix(there, to);
	if (there->port != to->port)
		return false;
	if (there->kind != to->kind)
		return there->kind == WEIR__ADDR_IP6 && is_wildcard(there) && !v6_only;
	return is_wildcard(there) ||
	       memcmp(there->u.ip, to->u.ip, to->kind == WEIR__ADDR_IP4 ? 4 : 16) == 0;
}

static struct weir__addr new_peer_addr(const struct weir__addr *to)
{
	struct weir__addr a = {.kind = to->kind};

	if (to->kind == WEIR__ADDR_UNIX)
		return a;
	a.port = k.next_peer_port++;
	if (k.next_peer_port == 0)
		k.next_peer_port = FIRST_PEER_PORT;
	if (to->kind == WEIR__ADDR_IP4)
		memcpy(a.u.ip, "\x7f\0\0\1", 4);
	else
		a.u.ip[15] = 1;
	return a;
}

/* The address that a connection has whose listener takes any. */
static struct weir__addr reached_at(const struct weir__addr *listening)
{
	struct weir__addr a = *listening;

	if (a.kind == WEIR__ADDR_IP4 && is_wildcard(&a))
		memcpy(a.u.ip, "\x7f\0\0\1", 4);
	else if (a.kind == WEIR__ADDR_IP6 && is_wildcard(&a))
		a.u.ip[15] = 1;
	return a;
}

static struct place **find_place(struct place **list, const struct weir__addr *addr)
{
	while (*list != NULL && !covers(&(*list)->addr, false, addr))
		list = &(*list)->next;
	return list;
}

static void add_place(struct place **list, const struct weir__addr *addr)
{
	struct place *p = zeroed(sizeof(*p));

	p->addr = *addr;
	p->next = *list;
	*list = p;
}

static void remove_place(struct place **at)
{
	struct place *p = *at;

	if (p == NULL)
		return;
	*at = p->next;
	free(p);
}

/* ---- descriptors ---- */

/* The lowest free number, as POSIX has it; negative errno without one. */
static int new_fd(struct file **out, enum kind kind)
{
	int fd = FIRST_FD;

	while (fd < k.nfiles && k.files[fd] != NULL)
		fd++;
	if (fd >= k.fd_limit)
		return -EMFILE;
	if (fd >= k.nfiles) {
		int n = 2 * fd + 16;

		k.files = resized(k.files, (size_t)n * sizeof(struct file *));
		for (int i = k.nfiles; i < n; i++)
			k.files[i] = NULL;
		k.nfiles = n;
	}
	*out = k.files[fd] = zeroed(sizeof(struct file));
	(*out)->kind = kind;
	return fd;
}

static struct file *peek_file(int fd)
{
	return fd >= 0 && fd < k.nfiles ? k.files[fd] : NULL;
}

static struct file *file_of(int fd, const char *call)
{
	struct file *f = peek_file(fd);

	if (f == NULL)
		misuse("%s: descriptor %d is not open", call, fd);
	return f;
}

static void free_file(int fd)
{
	struct file *f = k.files[fd];

	k.files[fd] = NULL;
	free(f->plain.data);
	free(f->name);
	free(f);
}

/* ---- connections and pipes ---- */

static memio_client *new_end(bool is_test)
{
	memio_client *e = zeroed(sizeof(*e));

	e->made = k.ends;
	k.ends = e;
	e->is_test = is_test;
	e->room = is_test ? SIZE_MAX : k.buffer;
	e->told = 1;
	e->can_read = e->can_write = true;
	return e;
}

static void join(memio_client *a, memio_client *b)
{
	a->other = b;
	b->other = a;
}

static size_t room_at(const memio_client *e)
{
	return e->room > e->unread ? e->room - e->unread : 0;
}

static void deliver(memio_client *to, const void *data, size_t len)
{
	put(&to->in, data, len);
	if (!to->is_test || to->room != SIZE_MAX)
		to->unread += len;
}

static void get_reset(memio_client *e)
{
	if (!e->closed && !e->dead)
		e->got_reset = true;
}

static void send_reset(memio_client *e)
{
	e->sent_reset = true;
	get_reset(e->other);
}

/* As TCP does it: octets that nobody will read turn a close into a reset. */
static void close_end(memio_client *e)
{
	if (e->closed)
		return;

	bool lost = e->unread > 0 && !e->is_pipe;

	e->closed = true;
	if (e->other == NULL)
		return;
	if (e->abrupt || lost)
		send_reset(e);
	else if (e->can_write)
		e->other->got_finish = true;
	e->finished = true;
}

/* A reset is told once; afterwards there is only the end. */
static int tell_reset(memio_client *e)
{
	if (e->failure != 0) {
		int error = e->failure;

		e->failure = 0;
		e->dead = true;
		return -error;
	}
	e->got_reset = false;
	e->dead = true;
	return -ECONNRESET;
}

/* What came before a reset can still be read, as on Linux and the BSDs. */
static int64_t read_end(memio_client *e, const struct weir__vec *vec, int n, size_t most)
{
	if (!e->can_read)
		return -EBADF;
	if (e->pending)
		return -EAGAIN;
	if (e->unread > 0) {
		size_t taken = take(&e->in, vec, n, most);

		e->unread -= taken;
		return (int64_t)taken;
	}
	if (e->failure != 0 || e->got_reset)
		return tell_reset(e);
	return e->got_finish || e->dead ? 0 : -EAGAIN;
}

/* What is written to an end that has closed is taken, and answered with RST. */
static int64_t write_to_closed(memio_client *e, size_t len)
{
	if (e->is_pipe || e->local.kind == WEIR__ADDR_UNIX)
		return -EPIPE;
	get_reset(e);
	return (int64_t)len;
}

static int64_t write_end(memio_client *e, const struct weir__vec *vec, int n, size_t most)
{
	size_t total = 0, room;

	if (!e->can_write)
		return -EBADF;
	if (e->pending)
		return -EAGAIN;
	if (e->failure != 0 || e->got_reset)
		return tell_reset(e);
	if (e->finished || e->dead)
		return -EPIPE;
	for (int i = 0; i < n; i++)
		total += vec[i].len;
	room = least(least(room_at(e->other), total), most);
	if (e->other->closed)
		return write_to_closed(e, least(total, most));
	if (room == 0 && total > 0)
		return -EAGAIN;
	for (size_t left = room; left > 0; vec++) {
		size_t len = least(vec->len, left);

		deliver(e->other, vec->data, len);
		left -= len;
	}
	return (int64_t)room;
}

static unsigned end_ready(const memio_client *e)
{
	const memio_client *o = e->other;
	unsigned ready = 0;

	if (e->pending)
		return 0;
	if (e->failure != 0 || e->got_reset || e->dead)
		return WEIR__IN | WEIR__OUT | WEIR__ERR;
	if (e->can_read && (e->unread > 0 || e->got_finish))
		ready |= WEIR__IN;
	if (e->can_write && (e->finished || o->closed || room_at(o) >= o->told))
		ready |= WEIR__OUT;
	if ((e->got_finish && e->finished) || (e->is_pipe && o->closed))
		ready |= WEIR__ERR;
	return ready;
}

static unsigned file_ready(const struct file *f)
{
	switch (f->kind) {
	case LISTENER:
		return f->queue.first != NULL ? WEIR__IN : 0;
	case STREAM:
		return end_ready(f->end);
	case WAKE:
		return f->wakes > 0 ? WEIR__IN : 0;
	default:
		return WEIR__IN | WEIR__OUT;
	}
}

/* ---- listening ---- */

/* Of several that share a port, the one with the shortest queue. */
static struct file *find_listener(const struct weir__addr *to)
{
	struct file *found = NULL;

	for (int fd = FIRST_FD; fd < k.nfiles; fd++) {
		struct file *f = k.files[fd];

		if (f == NULL || f->kind != LISTENER)
			continue;
		if (to == NULL)
			return f;
		if (covers(&f->addr, f->how.v6_only, to) &&
		    (found == NULL || f->queue.len < found->queue.len))
			found = f;
	}
	return found;
}

static bool has_room(const struct file *listener)
{
	return listener->how.backlog <= 0 || listener->queue.len < listener->how.backlog;
}

/* The program's new end, which waits in the listener's queue. */
static memio_client *enqueue(struct file *listener, const struct weir__addr *to,
                             const struct weir__addr *from)
{
	memio_client *e = new_end(false);

	e->local = *to;
	e->remote = *from;
	push(&listener->queue, e);
	return e;
}

static bool is_taken(const struct weir__addr *addr, bool shared)
{
	for (int fd = FIRST_FD; fd < k.nfiles; fd++) {
		const struct file *f = k.files[fd];

		if (f == NULL || f->kind != LISTENER || f->addr.kind != addr->kind)
			continue;
		if ((covers(&f->addr, true, addr) || covers(addr, true, &f->addr)) &&
		    !(shared && f->how.reuse_port))
			return true;
	}
	return false;
}

static void choose_port(struct weir__addr *addr)
{
	if (addr->kind == WEIR__ADDR_UNIX)
		return;
	while (addr->port == 0 || is_taken(addr, false))
		addr->port = k.next_port++;
}

static int new_listener(const struct weir__addr *addr, const struct weir__listen_how *how)
{
	struct weir__addr at = *addr;
	struct file *f;

	if (at.kind == WEIR__ADDR_NONE)
		return -EAFNOSUPPORT;
	if (how->reuse_port && at.kind == WEIR__ADDR_UNIX)
		return -ENOTSUP;
	if ((at.kind == WEIR__ADDR_UNIX || at.port != 0) && is_taken(&at, how->reuse_port))
		return -EADDRINUSE;

	int fd = new_fd(&f, LISTENER);

	if (fd < 0)
		return fd;
	if (at.kind != WEIR__ADDR_UNIX && at.port == 0)
		choose_port(&at);
	if (is_path(&at) && *find_place(&k.paths, &at) == NULL)
		add_place(&k.paths, &at);
	f->addr = at;
	f->how = *how;
	f->nodelay = at.kind != WEIR__ADDR_UNIX;
	return fd;
}

/* ---- sys.h: clocks, threads, errors ---- */

int64_t weir__sys_now_us(void)
{
	return k.now;
}

int64_t weir__sys_wall_s(void)
{
	return k.wall + k.now / 1000000;
}

const bool weir__sys_debug = true;

uintptr_t weir__sys_thread(void)
{
	return k.thread;
}

void weir__sys_yield(void)
{
}

int64_t weir__sys_pid(void)
{
	return k.pid;
}

const char *weir__sys_error(int number)
{
	return strerror(number);
}

/* ---- sys.h: descriptors ---- */

static bool good_pieces(const struct weir__vec *vec, int n, const char *call)
{
	if (vec != NULL && n >= 1 && n <= WEIR__VEC_MAX)
		return true;
	misuse("%s: %d pieces", call, n);
	return false;
}

static int64_t read_wakes(struct file *f, const struct weir__vec *vec)
{
	if (f->wakes == 0)
		return -EAGAIN;
	if (vec->len < sizeof(f->wakes))
		return -EINVAL;
	memcpy(vec->data, &f->wakes, sizeof(f->wakes));
	f->wakes = 0;
	return (int64_t)sizeof(f->wakes);
}

int64_t weir__sys_readv(int fd, const struct weir__vec *vec, int n)
{
	int error = enter(MEMIO_READ);
	struct file *f = file_of(fd, "readv");

	if (f == NULL)
		return -EBADF;
	if (!good_pieces(vec, n, "readv"))
		return -EINVAL;
	if (error != 0)
		return -error;
	switch (f->kind) {
	case LISTENER:
		return -ENOTCONN;
	case STREAM:
		return read_end(f->end, vec, n, k.most_read);
	case WAKE:
		return read_wakes(f, vec);
	default:
		return (int64_t)take(&f->plain, vec, n, k.most_read);
	}
}

static int64_t write_plain(struct file *f, const struct weir__vec *vec, int n)
{
	size_t total = 0;

	for (int i = 0; i < n && total < k.most_written; i++) {
		size_t len = least(vec[i].len, k.most_written - total);

		put(&f->plain, vec[i].data, len);
		total += len;
	}
	return (int64_t)total;
}

int64_t weir__sys_writev(int fd, const struct weir__vec *vec, int n)
{
	int error = enter(MEMIO_WRITE);
	struct file *f = file_of(fd, "writev");

	if (f == NULL)
		return -EBADF;
	if (!good_pieces(vec, n, "writev"))
		return -EINVAL;
	if (error != 0)
		return -error;
	switch (f->kind) {
	case LISTENER:
		return -ENOTCONN;
	case STREAM:
		return write_end(f->end, vec, n, k.most_written);
	case WAKE:
		f->wakes++;
		return 8;
	default:
		return write_plain(f, vec, n);
	}
}

static void check_unused(int fd)
{
	for (const weir__poller *p = k.pollers; p != NULL; p = p->next)
		if (fd < p->n && p->regs[fd].mask != 0) {
			misuse("close: descriptor %d is registered (no drop)", fd);
			p->regs[fd].mask = 0;
		}
	for (int signo = 1; signo < WEIR__SIGNAL_MAX; signo++)
		if (k.signals[signo].wake == fd + 1)
			misuse("close: descriptor %d is woken by signal %d", fd, signo);
}

void weir__sys_close(int fd)
{
	struct file *f = file_of(fd, "close");

	(void)enter(MEMIO_CLOSE);
	if (f == NULL)
		return;
	check_unused(fd);
	if (f->kind == STREAM)
		close_end(f->end);
	for (memio_client *e; (e = pop(&f->queue)) != NULL;) {
		e->abrupt = true;
		close_end(e);
	}
	free_file(fd);
}

int weir__sys_adopt(int fd)
{
	int error = enter(MEMIO_ADOPT);

	return file_of(fd, "adopt") == NULL ? -EBADF : -error;
}

int weir__sys_pipe(int fd[2])
{
	int error = enter(MEMIO_PIPE);
	struct file *r, *w;

	fd[0] = fd[1] = -1;
	if (error != 0)
		return -error;

	int reader = new_fd(&r, STREAM);

	if (reader < 0)
		return reader;

	int writer = new_fd(&w, STREAM);

	if (writer < 0) {
		free_file(reader);
		return writer;
	}
	fd[0] = reader;
	fd[1] = writer;
	r->end = new_end(false);
	w->end = new_end(false);
	r->end->is_pipe = w->end->is_pipe = true;
	r->end->can_write = w->end->can_read = false;
	join(r->end, w->end);
	return 0;
}

int weir__sys_fd_limit(void)
{
	return k.fd_limit;
}

/* ---- sys.h: wake-ups and signals ---- */

int weir__sys_wake_open(int fd[2])
{
	int error = enter(MEMIO_WAKE_OPEN);
	struct file *f;

	fd[0] = fd[1] = -1;
	if (error != 0)
		return -error;

	int made = new_fd(&f, WAKE);

	if (made < 0)
		return made;
	fd[0] = fd[1] = made;
	return 0;
}

void weir__sys_wake_close(int fd[2])
{
	weir__sys_close(fd[0]);
	fd[0] = fd[1] = -1;
}

static struct file *wake_of(int fd, const char *call)
{
	struct file *f = file_of(fd, call);

	if (f != NULL && f->kind != WAKE) {
		misuse("%s: descriptor %d is no wake-up", call, fd);
		return NULL;
	}
	return f;
}

void weir__sys_wake_send(int fd)
{
	struct file *f = wake_of(fd, "wake_send");

	if (enter(MEMIO_WAKE_SEND) == 0 && f != NULL)
		f->wakes++;
}

void weir__sys_wake_drain(int fd)
{
	struct file *f = wake_of(fd, "wake_drain");

	if (enter(MEMIO_WAKE_DRAIN) == 0 && f != NULL)
		f->wakes = 0;
}

static bool is_uncatchable(int signo)
{
	return signo < 1 || signo >= WEIR__SIGNAL_MAX || signo == SIGKILL || signo == SIGSTOP ||
	       signo == SIGILL || signo == SIGFPE || signo == SIGSEGV || signo == SIGBUS;
}

int weir__sys_signal_catch(int signo, int wake_fd)
{
	int error = enter(MEMIO_SIGNAL_CATCH);

	if (wake_of(wake_fd, "signal_catch") == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (is_uncatchable(signo))
		return -EINVAL;
	if (k.signals[signo].wake != 0)
		return k.signals[signo].wake == wake_fd + 1 ? 0 : -EBUSY;
	k.signals[signo] = (struct caught){.wake = wake_fd + 1};
	return 0;
}

void weir__sys_signal_release(int signo)
{
	if (signo >= 1 && signo < WEIR__SIGNAL_MAX)
		k.signals[signo] = (struct caught){0};
}

unsigned weir__sys_signal_take(int signo)
{
	if (signo < 1 || signo >= WEIR__SIGNAL_MAX)
		return 0;

	unsigned count = k.signals[signo].count;

	k.signals[signo].count = 0;
	return count;
}

int weir__sys_signal_interrupt(void)
{
	return SIGINT;
}

int weir__sys_signal_terminate(void)
{
	return SIGTERM;
}

/* ---- sys.h: sockets ---- */

int weir__sys_listen(const struct weir__addr *addr, const struct weir__listen_how *how)
{
	int error = enter(MEMIO_LISTEN);

	return error != 0 ? -error : new_listener(addr, how);
}

void weir__sys_unlisten(const struct weir__addr *addr)
{
	if (is_path(addr))
		remove_place(find_place(&k.paths, addr));
}

int weir__sys_accept(int fd, struct weir__addr *peer)
{
	int error = enter(MEMIO_ACCEPT);
	struct file *listener = file_of(fd, "accept"), *f;

	if (listener == NULL)
		return -EBADF;
	if (listener->kind != LISTENER)
		return -EINVAL;
	if (error == ECONNABORTED && listener->queue.first != NULL)
		send_reset(pop(&listener->queue));
	if (error != 0)
		return -error;
	if (listener->queue.first == NULL)
		return -EAGAIN;

	int made = new_fd(&f, STREAM);

	if (made < 0)
		return made;
	f->end = pop(&listener->queue);
	f->end->accepted = true;
	f->nodelay = listener->nodelay;
	if (peer != NULL)
		*peer = f->end->remote;
	return made;
}

/* Finds the other end of a connect; without one it has failed. */
static void establish(memio_client *e)
{
	struct file *listener = find_listener(&e->remote);

	e->pending = false;
	e->accepted = true;
	if (*find_place(&k.servers, &e->remote) != NULL) {
		memio_client *c = new_end(true);

		c->local = e->remote;
		c->remote = e->local;
		join(e, c);
		push(&k.served, c);
	} else if (listener != NULL && has_room(listener)) {
		join(e, enqueue(listener, &e->remote, &e->local));
	} else {
		e->failure = ECONNREFUSED;
	}
}

/* IP is told of its fate by the poller, the unix domain at once. */
static void start_connect(memio_client *e, bool *pending, int *result)
{
	if (k.refuse != 0) {
		e->failure = k.refuse;
		k.refuse = 0;
		*result = tell_reset(e);
		return;
	}
	if (k.hold) {
		e->pending = *pending = true;
		push(&k.held, e);
		return;
	}
	establish(e);
	*pending = e->remote.kind != WEIR__ADDR_UNIX;
	if (!*pending && e->failure != 0)
		*result = tell_reset(e);
}

int weir__sys_connect(const struct weir__addr *addr, bool *pending, int *result)
{
	int error = enter(MEMIO_CONNECT);
	struct file *f;

	*pending = false;
	*result = 0;
	if (error != 0)
		return -error;
	if (addr->kind == WEIR__ADDR_NONE)
		return -EAFNOSUPPORT;

	int fd = new_fd(&f, STREAM);

	if (fd < 0)
		return fd;
	f->end = new_end(false);
	f->end->local = new_peer_addr(addr);
	f->end->remote = *addr;
	start_connect(f->end, pending, result);
	return fd;
}

static memio_client *stream_of(int fd, const char *call)
{
	struct file *f = file_of(fd, call);

	return f != NULL && f->kind == STREAM ? f->end : NULL;
}

int weir__sys_connect_result(int fd)
{
	int error = enter(MEMIO_CONNECT_RESULT);
	memio_client *e = stream_of(fd, "connect_result");

	if (e == NULL)
		return peek_file(fd) == NULL ? -EBADF : -ENOTSOCK;
	if (error != 0)
		return -error;
	return e->failure != 0 || e->got_reset ? tell_reset(e) : 0;
}

int weir__sys_shutdown(int fd)
{
	int error = enter(MEMIO_SHUTDOWN);
	memio_client *e = stream_of(fd, "shutdown");

	if (e == NULL || e->is_pipe)
		return peek_file(fd) == NULL ? -EBADF : -ENOTSOCK;
	if (error != 0)
		return -error;
	if (e->other == NULL || e->got_reset || e->dead)
		return -ENOTCONN;
	e->finished = true;
	e->other->got_finish = true;
	return 0;
}

void weir__sys_reset_on_close(int fd)
{
	memio_client *e = stream_of(fd, "reset_on_close");

	if (e != NULL && !e->is_pipe)
		e->abrupt = true;
}

int weir__sys_local(int fd, struct weir__addr *addr)
{
	int error = enter(MEMIO_LOCAL);
	struct file *f = file_of(fd, "local");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (f->kind != LISTENER && (f->kind != STREAM || f->end->is_pipe))
		return -ENOTSOCK;
	*addr = f->kind == LISTENER ? f->addr : f->end->local;
	return 0;
}

int weir__sys_remote(int fd, struct weir__addr *addr)
{
	int error = enter(MEMIO_REMOTE);
	struct file *f = file_of(fd, "remote");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (f->kind != STREAM)
		return f->kind == LISTENER ? -ENOTCONN : -ENOTSOCK;
	if (f->end->is_pipe)
		return -ENOTSOCK;
	if (f->end->other == NULL)
		return -ENOTCONN;
	*addr = f->end->remote;
	return 0;
}

static bool is_ip(const struct file *f)
{
	uint8_t kind = f->kind == STREAM ? f->end->local.kind : f->addr.kind;

	return kind == WEIR__ADDR_IP4 || kind == WEIR__ADDR_IP6;
}

int weir__sys_nodelay(int fd, bool on)
{
	int error = enter(MEMIO_NODELAY);
	struct file *f = file_of(fd, "nodelay");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (!is_ip(f))
		return -EOPNOTSUPP;
	f->nodelay = on;
	return 0;
}

int weir__sys_keepalive(int fd, int seconds)
{
	int error = enter(MEMIO_KEEPALIVE);
	struct file *f = file_of(fd, "keepalive");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (seconds < 0)
		return -EINVAL;
	if (!is_ip(f))
		return -EOPNOTSUPP;
	f->keepalive = seconds;
	return 0;
}

int weir__sys_readable(int fd)
{
	int error = enter(MEMIO_READABLE);
	struct file *f = file_of(fd, "readable");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	return (file_ready(f) & WEIR__IN) != 0;
}

/* ---- sys.h: what was inherited ---- */

int weir__sys_inherit(int fd)
{
	int error = enter(MEMIO_INHERIT);
	struct file *f = peek_file(fd);

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (f->kind != LISTENER)
		return f->kind == STREAM && !f->end->is_pipe ? -EINVAL : -ENOTSOCK;
	f->nodelay = is_ip(f);
	return 0;
}

int weir__sys_inherit_named(const char *name, size_t len)
{
	for (int fd = FIRST_FD; fd < k.nfiles; fd++) {
		const struct file *f = k.files[fd];

		if (f == NULL || !f->inherited)
			continue;
		if (len > 0 &&
		    (f->name == NULL || strlen(f->name) != len || memcmp(f->name, name, len) != 0))
			continue;

		int error = weir__sys_inherit(fd);

		return error != 0 ? error : fd;
	}
	return -ENOENT;
}

/* ---- poller.h ---- */

const char *weir__poller_name(void)
{
	return "memio";
}

int weir__poller_open(weir__poller **out, struct weir__mem *mem)
{
	int error = enter(MEMIO_POLLER_OPEN);

	*out = NULL;
	if (mem == NULL)
		misuse("poller_open: no memory given");
	if (error != 0)
		return -error;
	*out = zeroed(sizeof(**out));
	(*out)->next = k.pollers;
	k.pollers = *out;
	return 0;
}

void weir__poller_close(weir__poller *p)
{
	weir__poller **at = &k.pollers;

	if (p == NULL)
		return;
	while (*at != NULL && *at != p)
		at = &(*at)->next;
	if (*at == NULL) {
		misuse("poller_close: no such poller");
		return;
	}
	*at = p->next;
	free(p->regs);
	free(p);
}

int weir__poller_limit(const weir__poller *p)
{
	(void)p;
	return k.poller_limit;
}

static struct registration *registration_of(weir__poller *p, int fd)
{
	if (fd >= p->n) {
		int n = 2 * fd + 16;

		p->regs = resized(p->regs, (size_t)n * sizeof(*p->regs));
		memset(p->regs + p->n, 0, (size_t)(n - p->n) * sizeof(*p->regs));
		p->n = n;
	}
	return &p->regs[fd];
}

static void check_masks(const struct registration *r, int fd, unsigned old, unsigned now)
{
	if (r->mask != old)
		misuse("poller_set: old mask %u of descriptor %d is %u", old, fd, r->mask);
	if (old == now || ((old | now) & ~(unsigned)(WEIR__IN | WEIR__OUT)) != 0)
		misuse("poller_set: masks %u and %u of descriptor %d", old, now, fd);
}

int weir__poller_set(weir__poller *p, int fd, uint32_t tag, unsigned old, unsigned now)
{
	int error = enter(MEMIO_POLLER_SET);
	struct file *f = file_of(fd, "poller_set");

	if (f == NULL)
		return -EBADF;

	struct registration *r = registration_of(p, fd);

	check_masks(r, fd, old, now);
	r->mask = 0;
	if (now == 0)
		return 0;
	if (fd >= k.poller_limit)
		return -EMFILE;
	if (error != 0 && (now & ~old) != 0)
		return -error;
	if (f->kind == PLAIN)
		return 1;
	r->mask = now;
	if (old == 0)
		r->tag = tag;
	return 0;
}

void weir__poller_drop(weir__poller *p, int fd, unsigned old, bool shared)
{
	(void)enter(MEMIO_POLLER_DROP);
	(void)shared;
	if (file_of(fd, "poller_drop") == NULL)
		return;

	struct registration *r = registration_of(p, fd);

	if (r->mask != old)
		misuse("poller_drop: old mask %u of descriptor %d is %u", old, fd, r->mask);
	r->mask = 0;
}

/*
 * From the lowest descriptor on, unless the array was full the last time: then
 * from where that ended, so that everybody's turn comes.
 */
static int collect(weir__poller *p, struct weir__event *out, int max)
{
	int from = p->cursor < p->n ? p->cursor : 0, found = 0;

	p->cursor = 0;
	for (int i = 0; i < p->n; i++) {
		int fd = (from + i) % p->n;
		struct registration *r = &p->regs[fd];
		struct file *f = r->mask != 0 ? peek_file(fd) : NULL;

		if (f == NULL)
			continue;

		unsigned ready = (file_ready(f) | f->spurious) & (r->mask | WEIR__ERR);

		if (ready == 0)
			continue;
		f->spurious = 0;
		out[found++] = (struct weir__event){.fd = fd, .tag = r->tag, .ready = ready};
		if (found == max) {
			p->cursor = fd + 1;
			break;
		}
	}
	return found;
}

static void run_due_actions(void)
{
	while (k.actions != NULL && k.actions->at <= k.now) {
		struct action a = *k.actions;

		free(k.actions);
		k.actions = a.next;
		a.fn(a.arg);
	}
}

int weir__poller_wait(weir__poller *p, struct weir__event *out, int max, int timeout_ms)
{
	int error = enter(MEMIO_POLLER_WAIT);
	int64_t deadline = timeout_ms < 0 ? INT64_MAX : k.now + (int64_t)timeout_ms * 1000;

	if (max < 1) {
		misuse("poller_wait: an array of %d", max);
		return -EINVAL;
	}
	if (error != 0)
		return error == EINTR ? 0 : -error;
	for (;;) {
		run_due_actions();

		bool interrupted = k.interrupted;
		int found = interrupted ? 0 : collect(p, out, max);

		k.interrupted = false;
		if (found > 0 || interrupted || k.now >= deadline)
			return found;

		int64_t next = k.actions != NULL ? k.actions->at : INT64_MAX;

		if (next > deadline)
			next = deadline;
		if (next == INT64_MAX)
			return -EDEADLK;
		k.now = next;
	}
}

int weir__poller_fork(weir__poller *p)
{
	int error = enter(MEMIO_POLLER_FORK);

	free(p->regs);
	p->regs = NULL;
	p->n = p->cursor = 0;
	return -error;
}

/* ---- memio.h ---- */

static void free_places(struct place **list)
{
	while (*list != NULL)
		remove_place(list);
}

void memio_reset(void)
{
	const struct kernel fresh = FRESH_KERNEL;

	while (k.pollers != NULL)
		weir__poller_close(k.pollers);
	for (int fd = 0; fd < k.nfiles; fd++)
		if (k.files[fd] != NULL)
			free_file(fd);
	free(k.files);
	while (k.ends != NULL) {
		memio_client *e = k.ends;

		k.ends = e->made;
		free(e->in.data);
		free(e);
	}
	while (k.actions != NULL) {
		struct action *a = k.actions;

		k.actions = a->next;
		free(a);
	}
	while (k.faults != NULL) {
		struct fault *f = k.faults;

		k.faults = f->next;
		free(f);
	}
	free_places(&k.paths);
	free_places(&k.servers);
	k = fresh;
}

int64_t memio_now(void)
{
	return k.now / 1000;
}

void memio_set_now_us(int64_t us)
{
	k.now = us;
}

void memio_pass(int64_t ms)
{
	k.now += ms * 1000;
}

void memio_set_wall(int64_t seconds)
{
	k.wall = seconds;
}

static void add_action(int64_t us, void (*fn)(void *arg), void *arg)
{
	struct action **at = &k.actions, *a = zeroed(sizeof(*a));

	while (*at != NULL && (*at)->at <= us)
		at = &(*at)->next;
	*a = (struct action){.next = *at, .at = us, .fn = fn, .arg = arg};
	*at = a;
}

void memio_at(int64_t ms, void (*fn)(void *arg), void *arg)
{
	add_action(ms * 1000, fn, arg);
}

void memio_after(int64_t ms, void (*fn)(void *arg), void *arg)
{
	add_action(k.now + ms * 1000, fn, arg);
}

void memio_interrupt(void)
{
	k.interrupted = true;
}

void memio_spurious(int fd, unsigned ready)
{
	struct file *f = file_of(fd, "memio_spurious");

	if (f != NULL)
		f->spurious = ready;
}

memio_client *memio_client_connect_from(const struct weir__addr *to, const struct weir__addr *from)
{
	struct file *listener = find_listener(to);

	if (listener == NULL || !has_room(listener))
		return NULL;

	const struct weir__addr there = to != NULL ? *to : reached_at(&listener->addr);

	to = &there;

	memio_client *c = new_end(true);

	c->local = from != NULL ? *from : new_peer_addr(to);
	c->remote = *to;
	join(c, enqueue(listener, to, &c->local));
	return c;
}

memio_client *memio_client_connect(const struct weir__addr *to)
{
	return memio_client_connect_from(to, NULL);
}

/* What comes after the program's close is unwanted: a reset answers it. */
void memio_client_send(memio_client *c, const void *data, size_t len)
{
	if (c->finished || len == 0)
		return;
	if (c->other->closed)
		c->other->sent_reset = true;
	else if (!c->other->dead && !c->other->got_reset)
		deliver(c->other, data, len);
}

void memio_client_send_text(memio_client *c, const char *text)
{
	memio_client_send(c, text, strlen(text));
}

void memio_client_finish(memio_client *c)
{
	c->finished = true;
	c->other->got_finish = true;
}

void memio_client_close(memio_client *c)
{
	c->unread = 0;
	close_end(c);
}

void memio_client_reset(memio_client *c)
{
	c->abrupt = true;
	close_end(c);
}

const char *memio_client_received(const memio_client *c, size_t *len)
{
	if (len != NULL)
		*len = c->in.len;
	return c->in.len > 0 ? (const char *)c->in.data + c->in.start : "";
}

void memio_client_forget(memio_client *c)
{
	c->in.start += c->in.len;
	c->in.len = 0;
}

void memio_client_window(memio_client *c, size_t room)
{
	c->room = room;
	if (room == SIZE_MAX)
		c->unread = 0;
}

void memio_client_told(memio_client *c, size_t room)
{
	c->told = room;
}

size_t memio_client_read(memio_client *c, size_t n)
{
	size_t taken = least(n, c->unread);

	c->unread -= taken;
	return taken;
}

size_t memio_client_unread(const memio_client *c)
{
	return c->other->unread;
}

enum memio_end memio_client_closed(const memio_client *c)
{
	const memio_client *e = c->other;

	if (e->sent_reset)
		return MEMIO_RESET;
	if (e->closed)
		return MEMIO_CLOSED;
	return e->finished ? MEMIO_FINISHED : MEMIO_OPEN;
}

bool memio_client_accepted(const memio_client *c)
{
	return c->other->accepted;
}

const struct weir__addr *memio_client_addr(const memio_client *c)
{
	return &c->local;
}

void memio_server_listen(const struct weir__addr *addr)
{
	add_place(&k.servers, addr);
}

memio_client *memio_server_accept(void)
{
	return pop(&k.served);
}

void memio_connect_refuse(int error)
{
	k.refuse = error;
}

void memio_connect_hold(bool on)
{
	k.hold = on;
}

bool memio_connect_decide(int error)
{
	memio_client *e = pop(&k.held);

	while (e != NULL && e->closed)
		e = pop(&k.held);
	if (e == NULL)
		return false;
	if (error == 0) {
		establish(e);
	} else {
		e->pending = false;
		e->failure = error;
	}
	return true;
}

int memio_file(const void *data, size_t len)
{
	struct file *f;
	int fd = new_fd(&f, PLAIN);

	if (fd >= 0)
		put(&f->plain, data, len);
	return fd;
}

int memio_inherited(const struct weir__addr *addr, const char *name)
{
	const struct weir__listen_how how = {0};
	int fd = new_listener(addr, &how);

	if (fd < 0)
		return fd;
	k.files[fd]->inherited = true;
	k.files[fd]->nodelay = false;
	if (name != NULL) {
		size_t size = strlen(name) + 1;

		k.files[fd]->name = memcpy(resized(NULL, size), name, size);
	}
	return fd;
}

bool memio_raise(int signo)
{
	if (signo < 1 || signo >= WEIR__SIGNAL_MAX || k.signals[signo].wake == 0)
		return false;

	struct file *f = peek_file(k.signals[signo].wake - 1);

	k.signals[signo].count++;
	if (f != NULL)
		f->wakes++;
	return true;
}

static struct weir__addr path_addr(const char *path)
{
	struct weir__addr a = {.kind = WEIR__ADDR_UNIX};

	a.path_len = (uint8_t)least(strlen(path), sizeof(a.u.path) - 1);
	memcpy(a.u.path, path, a.path_len);
	return a;
}

bool memio_path_exists(const char *path)
{
	const struct weir__addr a = path_addr(path);

	return *find_place(&k.paths, &a) != NULL;
}

void memio_path_make(const char *path)
{
	const struct weir__addr a = path_addr(path);

	if (*find_place(&k.paths, &a) == NULL)
		add_place(&k.paths, &a);
}

void memio_set_thread(uintptr_t number)
{
	k.thread = number;
}

void memio_set_pid(int64_t number)
{
	k.pid = number;
}

void memio_fail(enum memio_call call, unsigned nth, int error)
{
	struct fault *f = zeroed(sizeof(*f));

	*f = (struct fault){.next = k.faults, .call = call, .left = nth, .error = error};
	k.faults = f;
}

void memio_fail_all(enum memio_call call, int error)
{
	k.fail_all[call] = error;
}

void memio_short_reads(size_t most)
{
	k.most_read = most > 0 ? most : SIZE_MAX;
}

void memio_short_writes(size_t most)
{
	k.most_written = most > 0 ? most : SIZE_MAX;
}

void memio_buffer(size_t room)
{
	k.buffer = room;
}

void memio_fd_limit(int limit)
{
	k.fd_limit = limit;
}

void memio_poller_limit(int limit)
{
	k.poller_limit = limit;
}

unsigned memio_count(enum memio_call call)
{
	return k.counts[call];
}

void memio_count_again(void)
{
	memset(k.counts, 0, sizeof(k.counts));
}

int memio_open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < k.nfiles; fd++)
		n += k.files[fd] != NULL;
	return n;
}

int memio_registered(void)
{
	int n = 0;

	for (const weir__poller *p = k.pollers; p != NULL; p = p->next)
		for (int fd = 0; fd < p->n; fd++)
			n += p->regs[fd].mask != 0;
	return n;
}

bool memio_has_nodelay(int fd)
{
	const struct file *f = peek_file(fd);

	return f != NULL && f->nodelay;
}

int memio_keepalive_of(int fd)
{
	const struct file *f = peek_file(fd);

	return f != NULL ? f->keepalive : 0;
}

const char *memio_misuse(void)
{
	return k.misuse[0] != '\0' ? k.misuse : NULL;
}
