/*
 * How can kqueue() and kevent() of the BSDs run on Linux?  A stand-in for tests, so that a program
 * written for kqueue runs here unchanged, and trips over what it would trip over there.
 *
 *	kqueue descriptor (an epoll set, so that it can be polled itself)
 *	    |-- epoll set of the EVFILT_READ knotes
 *	    `-- epoll set of the EVFILT_WRITE knotes
 *
 * A descriptor has two knotes with a life of their own, but only one place in an epoll set: hence
 * a set per filter.  An epoll set also knows only files, and a BSD looks knotes up by descriptor
 * number: hence the table `watched`.  What epoll says is a hint; whether the BSD would speak, and
 * what it would say, is worked out from the socket when the event is fetched.
 *
 * Link with -Wl,--wrap=close: on a BSD, close() takes the knotes of the number with it, even if a
 * copy of the descriptor lives on, which epoll would never do by itself.
 *
 * One mutex guards everything and is never held while a call sleeps.  Signals are blocked
 * meanwhile, since close() may be called from a handler.
 */
#define _GNU_SOURCE
#include <sys/event.h>

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef STANDIN_NETBSD
typedef uint32_t filter_type;
typedef uint32_t flags_type;
typedef size_t count_type;
/* What adding EVFILT_WRITE to a pipe without a reader fails with. */
#define NO_READER EBADF
#else
typedef short filter_type;
typedef unsigned short flags_type;
typedef int count_type;
#define NO_READER EPIPE
#endif

#define EVENTS_AT_ONCE 256
#define NANOSECONDS 1000000000LL

enum side { INPUT, OUTPUT, SIDES };

struct knote {
	struct kevent asked; /* flags: only those that stay */
	bool live;
	bool disabled;
	bool in_set; /* of epoll */
	bool hushed; /* epoll finds it ready, a BSD does not: edge-triggered until it changes */
	bool spoken; /* has reported something */
};

struct descriptor {
	struct knote side[SIDES];
};

struct kqueue {
	int fd;
	int set[SIDES];
	enum side turn; /* whose events are fetched first */
	struct descriptor *watched;
	size_t size;
	struct kqueue *next;
};

/* What can be learnt of a descriptor without disturbing it. */
struct sight {
	uint32_t events; /* epoll's */
	bool is_socket;
	bool is_tcp;
	int state; /* TCP's */
	bool was_connected;
	unsigned accept_queue;
};

int __real_close(int fd);
int __wrap_close(int fd);

static struct kqueue *queues;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sigset_t outside; /* the signal mask to go back to */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void lock(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&mutex);
	outside = before;
}

static void unlock(void)
{
	sigset_t before = outside;

	pthread_mutex_unlock(&mutex);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * In strict mode a mistake that a BSD punishes late, or not always, ends the test at once: level 1.
 * The level `knotes` also forbids what a BSD allows, a close that takes knotes along.
 */
static void misuse(bool only_knotes, int fd, const char *what)
{
	const char *strict = getenv("WEIR_STANDIN_STRICT");
	bool knotes = strict != NULL && strcmp(strict, "knotes") == 0;

	if (!knotes && (only_knotes || strict == NULL || strcmp(strict, "1") != 0))
		return;
	fprintf(stderr, "kqueue stand-in: descriptor %d: %s\n", fd, what);
	abort();
}

/* --- queues ---------------------------------------------------------------------------------- */

static void discard(struct kqueue *queue)
{
	for (int side = 0; side < SIDES; side++)
		if (queue->set[side] >= 0)
			__real_close(queue->set[side]);
	free(queue->watched);
	free(queue);
}

/*
 * A kqueue is not inherited: in the child its number is free, and the next open() may get it.
 * Closing the child's copies of the epoll sets leaves the parent's alone.
 */
static void forget_all_in_child(void)
{
	while (queues != NULL) {
		struct kqueue *queue = queues;

		queues = queue->next;
		__real_close(queue->fd);
		discard(queue);
	}
	unlock();
}

static void watch_forks(void)
{
	pthread_atfork(lock, unlock, forget_all_in_child);
}

static bool open_sets(struct kqueue *queue)
{
	queue->fd = epoll_create1(EPOLL_CLOEXEC);
	if (queue->fd < 0)
		return false;
	for (int side = 0; side < SIDES; side++) {
		struct epoll_event readable = {.events = EPOLLIN};

		queue->set[side] = epoll_create1(EPOLL_CLOEXEC);
		if (queue->set[side] < 0 ||
		    epoll_ctl(queue->fd, EPOLL_CTL_ADD, queue->set[side], &readable) < 0)
			return false;
	}
	return true;
}

int kqueue(void)
{
	struct kqueue *queue = calloc(1, sizeof *queue);

	if (queue == NULL)
		return -1;
	pthread_once(&once, watch_forks);
	queue->fd = queue->set[INPUT] = queue->set[OUTPUT] = -1;
	if (!open_sets(queue)) {
		int error = errno;

		if (queue->fd >= 0)
			__real_close(queue->fd);
		discard(queue);
		errno = error;
		return -1;
	}
	int fd = queue->fd;
	lock();
	queue->next = queues;
	queues = queue;
	unlock();
	return fd;
}

static struct kqueue *find_queue(int fd)
{
	struct kqueue *queue = queues;

	while (queue != NULL && queue->fd != fd)
		queue = queue->next;
	return queue;
}

static struct kqueue *take_queue(int fd)
{
	struct kqueue **link = &queues;

	while (*link != NULL && (*link)->fd != fd)
		link = &(*link)->next;
	struct kqueue *queue = *link;
	if (queue != NULL)
		*link = queue->next;
	return queue;
}

/* --- knotes ---------------------------------------------------------------------------------- */

static struct knote *find_knote(struct kqueue *queue, int fd, enum side side)
{
	if ((size_t)fd >= queue->size || !queue->watched[fd].side[side].live)
		return NULL;
	return &queue->watched[fd].side[side];
}

static bool make_room(struct kqueue *queue, int fd)
{
	size_t size = queue->size > 0 ? queue->size : 64;

	if ((size_t)fd < queue->size)
		return true;
	while (size <= (size_t)fd)
		size *= 2;
	struct descriptor *watched = realloc(queue->watched, size * sizeof *watched);
	if (watched == NULL)
		return false;
	memset(watched + queue->size, 0, (size - queue->size) * sizeof *watched);
	queue->watched = watched;
	queue->size = size;
	return true;
}

/* Returns 0 or an error number. */
static int arm(struct kqueue *queue, int fd, enum side side)
{
	static const uint32_t conditions[SIDES] = {EPOLLIN | EPOLLRDHUP, EPOLLOUT};
	struct knote *note = &queue->watched[fd].side[side];
	bool edge = note->hushed || (note->asked.flags & EV_CLEAR) != 0;
	struct epoll_event event = {.events = conditions[side] | (edge ? (uint32_t)EPOLLET : 0)};
	int set = queue->set[side];

	event.data.u64 = (uint64_t)fd;
	/* ENOENT: dup2() has put another file under the number, which no close() of ours saw. */
	if (note->in_set && epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT)
		note->in_set = false;
	if (!note->in_set && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0)
		return errno == EPERM ? EINVAL : errno;
	note->in_set = true;
	return 0;
}

/* epoll reports errors even with an empty mask: only leaving the set makes it silent. */
static void disarm(struct kqueue *queue, int fd, enum side side)
{
	struct knote *note = &queue->watched[fd].side[side];

	if (note->in_set)
		epoll_ctl(queue->set[side], EPOLL_CTL_DEL, fd, NULL);
	note->in_set = false;
}

static void drop(struct kqueue *queue, int fd, enum side side)
{
	disarm(queue, fd, side);
	memset(&queue->watched[fd].side[side], 0, sizeof(struct knote));
}

static void drop_everywhere(int fd)
{
	for (struct kqueue *queue = queues; queue != NULL; queue = queue->next)
		for (int side = 0; side < SIDES; side++)
			if (find_knote(queue, fd, (enum side)side) != NULL) {
				misuse(true, fd, "closed while it has a knote");
				drop(queue, fd, (enum side)side);
			}
}

int __wrap_close(int fd)
{
	struct kqueue *queue = NULL;

	lock();
	if (fd >= 0) {
		queue = take_queue(fd);
		drop_everywhere(fd);
	}
	unlock();
	if (queue != NULL)
		discard(queue);
	return __real_close(fd);
}

/* --- changes --------------------------------------------------------------------------------- */

static bool lacks_reader(int fd)
{
	struct pollfd end = {.fd = fd, .events = POLLOUT};
	int type;
	socklen_t length = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0)
		return false;
	return poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0;
}

static int add(struct kqueue *queue, int fd, enum side side, const struct kevent *change)
{
	if (!make_room(queue, fd))
		return ENOMEM;
	if (side == OUTPUT && lacks_reader(fd))
		return NO_READER;
	struct knote *note = &queue->watched[fd].side[side];
	note->live = true;
	note->asked = *change;
	note->asked.flags = (flags_type)(change->flags & (EV_ONESHOT | EV_CLEAR | EV_DISPATCH));
	note->disabled = (change->flags & EV_DISABLE) != 0;
	int error = note->disabled ? 0 : arm(queue, fd, side);
	if (error != 0)
		drop(queue, fd, side);
	return error;
}

/* Only EV_ADD brings a new udata; EV_ENABLE keeps the old one, as measured on NetBSD. */
static int modify(struct kqueue *queue, int fd, enum side side, const struct kevent *change)
{
	struct knote *note = &queue->watched[fd].side[side];

	if (change->flags & EV_ADD) {
		note->asked.fflags = change->fflags;
		note->asked.data = change->data;
		note->asked.udata = change->udata;
	}
	if (change->flags & (EV_ADD | EV_ENABLE))
		note->disabled = false;
	if (change->flags & EV_DISABLE)
		note->disabled = true;
	note->hushed = false;
	if (!note->disabled)
		return arm(queue, fd, side);
	disarm(queue, fd, side);
	return 0;
}

static bool side_of(filter_type filter, enum side *side)
{
	*side = filter == EVFILT_WRITE ? OUTPUT : INPUT;
	return filter == EVFILT_READ || filter == EVFILT_WRITE;
}

/* Returns 0 or an error number. */
static int apply(struct kqueue *queue, const struct kevent *change)
{
	enum side side;
	int fd = change->ident <= INT_MAX ? (int)change->ident : -1;

	if (!side_of(change->filter, &side))
		return EINVAL;
	if (fcntl(fd, F_GETFD) < 0) {
		misuse(false, fd,
		       "a change was submitted, but it is not open: pending changes must be "
		       "forgotten "
		       "before the close");
		return EBADF;
	}
	bool known = find_knote(queue, fd, side) != NULL;
	if (!known && (change->flags & EV_ADD) == 0)
		return ENOENT;
	if (change->flags & EV_DELETE) {
		if (known)
			drop(queue, fd, side);
		return 0;
	}
	return known ? modify(queue, fd, side, change) : add(queue, fd, side, change);
}

/*
 * An error, and a receipt, takes a place among the events; without a place the later changes are
 * not applied, and an error makes kevent() fail.  `changes` and `events` may be one array: an
 * event is stored only over changes that have been read.  Returns the number of events, or a
 * negative error number.
 */
static int apply_all(struct kqueue *queue, const struct kevent *changes, count_type nchanges,
                     struct kevent *events, count_type nevents)
{
	count_type told = 0;

	for (count_type i = 0; i < nchanges; i++) {
		struct kevent change = changes[i];
		int error = apply(queue, &change);

		if (error == 0 && (change.flags & EV_RECEIPT) == 0)
			continue;
		if (told == nevents)
			return error != 0 ? -error : (int)told;
		change.flags = (flags_type)(change.flags | EV_ERROR);
		change.data = error;
		events[told++] = change;
	}
	return (int)told;
}

/* --- events ---------------------------------------------------------------------------------- */

static struct sight look(int fd, uint32_t events)
{
	struct sight sight = {.events = events, .is_socket = true};
	struct tcp_info info;
	socklen_t length = sizeof info;

	memset(&info, 0, sizeof info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) {
		sight.is_socket = errno != ENOTSOCK;
		return sight;
	}
	sight.is_tcp = true;
	sight.state = info.tcpi_state;
	sight.was_connected = info.tcpi_rtt != 0 || info.tcpi_options != 0;
	sight.accept_queue = info.tcpi_unacked;
	return sight;
}

/* epoll finds a socket that was never connected hung up; a BSD has nothing to say of it. */
static bool never_connected(const struct sight *sight, const struct knote *note)
{
	return sight->is_tcp && sight->state == TCP_CLOSE && !sight->was_connected &&
	       (sight->events & EPOLLERR) == 0 && !note->spoken;
}

static bool own_end_shut(const struct sight *sight)
{
	switch (sight->is_tcp ? sight->state : TCP_ESTABLISHED) {
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
		return true;
	default:
		return false;
	}
}

static bool at_end(const struct sight *sight, enum side side)
{
	if (side == INPUT)
		return (sight->events & (EPOLLRDHUP | EPOLLHUP)) != 0;
	if (!sight->is_socket && (sight->events & EPOLLERR) != 0)
		return true;
	return (sight->events & EPOLLHUP) != 0 || own_end_shut(sight);
}

/*
 * A BSD shows the pending error in fflags and leaves it to be fetched.  Linux can show it only by
 * taking it away, so that the read() after it would see an ordinary end.  It is guessed instead:
 * a connection that once stood was reset, another one was refused.
 */
static unsigned pending_error(const struct sight *sight)
{
	if (!sight->is_tcp || (sight->events & EPOLLERR) == 0)
		return 0;
	return sight->was_connected ? ECONNRESET : ECONNREFUSED;
}

static int64_t unread(int fd, const struct sight *sight)
{
	int octets;

	if (sight->is_tcp && sight->state == TCP_LISTEN)
		return sight->accept_queue;
	if (ioctl(fd, FIONREAD, &octets) == 0)
		return octets;
	return (sight->events & EPOLLIN) != 0; /* a listener that does not tell its queue */
}

static int64_t space(int fd, const struct sight *sight)
{
	int used = 0, size = 0;
	socklen_t length = sizeof size;

	if (sight->is_socket) {
		ioctl(fd, TIOCOUTQ, &used);
		getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length);
	} else if ((sight->events & EPOLLERR) == 0) {
		ioctl(fd, FIONREAD, &used);
		size = fcntl(fd, F_GETPIPE_SZ);
	}
	return size > used ? size - used : 0;
}

static void describe(int fd, enum side side, const struct sight *sight, struct kevent *event)
{
	event->fflags = 0;
	event->data = side == INPUT ? unread(fd, sight) : space(fd, sight);
	if (at_end(sight, side)) {
		event->flags = (flags_type)(event->flags | EV_EOF);
		event->fflags = pending_error(sight);
	}
}

static bool below_mark(const struct knote *note, const struct kevent *event)
{
	return (note->asked.fflags & NOTE_LOWAT) != 0 && event->data < note->asked.data &&
	       (event->flags & EV_EOF) == 0;
}

/* Level-triggered and ready but silent, it would make every wait return at once. */
static void hush(struct kqueue *queue, int fd, enum side side, bool hushed)
{
	struct knote *note = &queue->watched[fd].side[side];

	if (note->hushed != hushed) {
		note->hushed = hushed;
		arm(queue, fd, side);
	}
}

static void after_report(struct kqueue *queue, int fd, enum side side)
{
	struct knote *note = &queue->watched[fd].side[side];

	note->spoken = true;
	if (note->asked.flags & EV_ONESHOT) {
		drop(queue, fd, side);
	} else if (note->asked.flags & EV_DISPATCH) {
		note->disabled = true;
		disarm(queue, fd, side);
	} else {
		hush(queue, fd, side, false);
	}
}

static bool report(struct kqueue *queue, int fd, enum side side, uint32_t events,
                   struct kevent *event)
{
	struct knote *note = find_knote(queue, fd, side);

	if (note == NULL)
		return false;
	struct sight sight = look(fd, events);
	*event = note->asked;
	describe(fd, side, &sight, event);
	if (never_connected(&sight, note) || below_mark(note, event)) {
		hush(queue, fd, side, true);
		return false;
	}
	after_report(queue, fd, side);
	return true;
}

static count_type fetch(struct kqueue *queue, enum side side, struct kevent *events,
                        count_type room)
{
	struct epoll_event ready[EVENTS_AT_ONCE];
	int most = room < EVENTS_AT_ONCE ? (int)room : EVENTS_AT_ONCE;
	count_type told = 0;

	if (most <= 0)
		return 0;
	int found = epoll_wait(queue->set[side], ready, most, 0);
	for (int i = 0; i < found; i++)
		if (report(queue, (int)ready[i].data.u64, side, ready[i].events, &events[told]))
			told++;
	return told;
}

/* The sides take turns to be first, so that a small array starves neither. */
static int fetch_both(struct kqueue *queue, struct kevent *events, count_type nevents)
{
	enum side first = queue->turn, second = first == INPUT ? OUTPUT : INPUT;
	count_type told;

	lock();
	queue->turn = second;
	told = fetch(queue, first, events, nevents);
	told += fetch(queue, second, events + told, nevents - told);
	unlock();
	return (int)told;
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

/* Returns -1 if a signal came. */
static int sleep_until_ready(const struct kqueue *queue, const int64_t *left)
{
	struct pollfd set = {.fd = queue->fd, .events = POLLIN};
	struct timespec time;

	if (left == NULL)
		return ppoll(&set, 1, NULL, NULL);
	time.tv_sec = (time_t)(*left / NANOSECONDS);
	time.tv_nsec = (long)(*left % NANOSECONDS);
	return ppoll(&set, 1, &time, NULL);
}

static int wait_for_events(struct kqueue *queue, struct kevent *events, count_type nevents,
                           const struct timespec *timeout)
{
	int64_t deadline = 0, left = 0;

	if (timeout != NULL)
		deadline = now() + timeout->tv_sec * NANOSECONDS + timeout->tv_nsec;
	for (;;) {
		int told = fetch_both(queue, events, nevents);

		if (told > 0)
			return told;
		if (timeout != NULL && (left = deadline - now()) <= 0)
			return 0;
		if (sleep_until_ready(queue, timeout != NULL ? &left : NULL) < 0)
			return -1;
	}
}

int kevent(int kq, const struct kevent *changes, count_type nchanges, struct kevent *events,
           count_type nevents, const struct timespec *timeout)
{
	lock();
	struct kqueue *queue = find_queue(kq);
	int told = queue != NULL ? apply_all(queue, changes, nchanges, events, nevents) : -EBADF;
	unlock();

	if (told < 0) {
		errno = -told;
		return -1;
	}
	if (told > 0 || nevents == 0)
		return told;
	return wait_for_events(queue, events, nevents, timeout);
}
