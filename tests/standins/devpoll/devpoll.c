/*
 * How can /dev/poll of Solaris and illumos run on Linux?  A stand-in for tests, so that a program
 * written for it runs here unchanged, and trips over what it would trip over there.
 *
 * An open device is the writing end of a pipe that has no reader, for that answers poll() as the
 * device does: POLLERR.  Its set is kept as an array that poll(2) takes as it is, and an index by
 * descriptor number into that array.
 *
 * Link with -Wl,--wrap= for each of open, open64, write, pwrite, pwrite64, ioctl and close: a call
 * on a device comes here, any other goes on to libc.  (The 64 are the names under which
 * _FILE_OFFSET_BITS=64 makes a program call them.)
 *
 * Environment: WEIR_STANDIN_DEVPOLL=illumos (default), solaris10, or absent: there is no device;
 * WEIR_STANDIN_STRICT=1 ends the program at a use that those kernels accept and answer with lost or
 * foreign events.
 *
 * One mutex guards the list of devices and their indexes and is never held while a call sleeps;
 * signals are blocked meanwhile.  write() is called from signal handlers: it tells a device from
 * another descriptor without the mutex.
 */
#undef _FILE_OFFSET_BITS /* pwrite() and pwrite64() are both played here */
#define _GNU_SOURCE
#include <sys/devpoll.h>

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 65536
#define TICK_MS 10

struct entry {
	size_t place; /* in `polled`, counted from 1; 0: not in the set */
	bool stale;   /* the descriptor has been closed since */
	bool unknown; /* the descriptor was not open when it was added */
};

struct device {
	int fd;
	ino_t pipe; /* what stands at fd */
	bool solaris10;
	pid_t owner; /* 0: nobody yet */
	struct pollfd *polled;
	size_t count;
	size_t room;
	size_t resume; /* where the next scan of `polled` starts */
	struct entry *entries;
	size_t size;
	struct device *next;
};

int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *octets, size_t count);
ssize_t __real_pwrite(int fd, const void *octets, size_t count, off_t offset);
ssize_t __real_pwrite64(int fd, const void *octets, size_t count, off64_t offset);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_close(int fd);

int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *octets, size_t count);
ssize_t __wrap_pwrite(int fd, const void *octets, size_t count, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *octets, size_t count, off64_t offset);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_close(int fd);

static _Atomic(struct device *) device_of[DESCRIPTORS];
static struct device *devices;
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

static void watch_forks(void)
{
	pthread_atfork(lock, unlock, unlock);
}

static bool environment_says(const char *name, const char *value)
{
	const char *found = getenv(name);

	return found != NULL && strcmp(found, value) == 0;
}

static void misuse(int fd, const char *what)
{
	if (!environment_says("WEIR_STANDIN_STRICT", "1"))
		return;
	fprintf(stderr, "/dev/poll stand-in: descriptor %d: %s\n", fd, what);
	abort();
}

/* dup2() and closefrom() are not seen here: whether the number is still the device's, its pipe
   tells. */
static struct device *find_device(int fd)
{
	struct device *device = fd >= 0 && fd < DESCRIPTORS ? atomic_load(&device_of[fd]) : NULL;
	struct stat now;

	if (device == NULL || fstat(fd, &now) != 0)
		return NULL;
	return now.st_ino == device->pipe && S_ISFIFO(now.st_mode) ? device : NULL;
}

static rlim_t descriptor_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : DESCRIPTORS;
}

/* --- open and close -------------------------------------------------------------------------- */

static int open_end_without_reader(int flags)
{
	int ends[2];

	if (pipe2(ends, flags & O_CLOEXEC) < 0)
		return -1;
	__real_close(ends[0]);
	if (ends[1] < DESCRIPTORS)
		return ends[1];
	__real_close(ends[1]);
	errno = EMFILE;
	return -1;
}

static int open_device(int flags)
{
	struct device *device = calloc(1, sizeof *device);
	struct stat opened;
	int fd = device != NULL ? open_end_without_reader(flags) : -1;

	if (fd < 0) {
		free(device);
		return -1;
	}
	pthread_once(&once, watch_forks);
	device->fd = fd;
	if (fstat(fd, &opened) == 0)
		device->pipe = opened.st_ino;
	device->solaris10 = environment_says("WEIR_STANDIN_DEVPOLL", "solaris10");
	/* illumos leaves the device free for the first process that uses it. */
	device->owner = device->solaris10 ? getpid() : 0;
	lock();
	device->next = devices;
	devices = device;
	atomic_store(&device_of[fd], device);
	unlock();
	return fd;
}

static int open_any(const char *path, int flags, mode_t mode)
{
	/* Absent: whatever this system says of such a path. */
	if (strcmp(path, "/dev/poll") == 0 && !environment_says("WEIR_STANDIN_DEVPOLL", "absent"))
		return open_device(flags);
	return __real_open(path, flags, mode);
}

static bool has_mode(int flags)
{
	return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	mode_t mode = has_mode(flags) ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open_any(path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	mode_t mode = has_mode(flags) ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open_any(path, flags | O_LARGEFILE, mode);
}

static void discard(struct device *device)
{
	struct device **link = &devices;

	while (*link != device)
		link = &(*link)->next;
	*link = device->next;
	atomic_store(&device_of[device->fd], NULL);
	free(device->polled);
	free(device->entries);
	free(device);
}

static bool holds(const struct device *device, int fd)
{
	return fd >= 0 && (size_t)fd < device->size && device->entries[fd].place > 0;
}

/* close() leaves the entry in the set, from where it polls whoever gets the number next. */
static void leave_behind(int fd)
{
	for (struct device *device = devices; device != NULL; device = device->next) {
		if (!holds(device, fd))
			continue;
		if (device->owner == getpid())
			misuse(fd, "closed while it is in the set: write POLLREMOVE first");
		device->entries[fd].stale = true;
	}
}

int __wrap_close(int fd)
{
	struct device *device = find_device(fd);

	lock();
	if (device != NULL)
		discard(device);
	else
		leave_behind(fd);
	unlock();
	return __real_close(fd);
}

/* --- write: changing the set ----------------------------------------------------------------- */

static bool owns(struct device *device)
{
	if (device->owner == 0)
		device->owner = getpid();
	if (device->owner == getpid())
		return true;
	errno = EACCES;
	return false;
}

static bool make_index_room(struct device *device, int fd)
{
	size_t size = device->size > 0 ? device->size : 64;

	if ((size_t)fd < device->size)
		return true;
	while (size <= (size_t)fd)
		size *= 2;
	struct entry *entries = realloc(device->entries, size * sizeof *entries);
	if (entries == NULL)
		return false;
	memset(entries + device->size, 0, (size - device->size) * sizeof *entries);
	device->entries = entries;
	device->size = size;
	return true;
}

static bool make_room(struct device *device, int fd)
{
	if (!make_index_room(device, fd))
		return false;
	if (device->count < device->room)
		return true;
	size_t room = device->room > 0 ? 2 * device->room : 64;
	struct pollfd *polled = realloc(device->polled, room * sizeof *polled);
	if (polled == NULL)
		return false;
	device->polled = polled;
	device->room = room;
	return true;
}

static struct pollfd *polled_of(const struct device *device, int fd)
{
	return &device->polled[device->entries[fd].place - 1];
}

/* poll(2) passes over a negative descriptor. */
static int silent(int fd)
{
	return -1 - fd;
}

static void insert(struct device *device, const struct pollfd *change)
{
	struct entry *entry = &device->entries[change->fd];

	device->polled[device->count] = (struct pollfd){.fd = change->fd, .events = change->events};
	device->count++;
	entry->place = device->count;
	entry->stale = false;
	entry->unknown = fcntl(change->fd, F_GETFD) < 0;
}

/* The last one takes the freed place, so that the array stays dense. */
static void remove_entry(struct device *device, int fd)
{
	struct pollfd *place = polled_of(device, fd);
	struct pollfd last = device->polled[--device->count];
	int moved = last.fd >= 0 ? last.fd : silent(last.fd);

	*place = last;
	device->entries[moved].place = device->entries[fd].place;
	memset(&device->entries[fd], 0, sizeof(struct entry));
}

/*
 * The kernel adds the bits to those it has.  Solaris 10 looks only at the bits: where they are the
 * same it does nothing, even if the number has a new owner, which is then never polled.
 */
static void widen(struct device *device, const struct pollfd *change)
{
	struct entry *entry = &device->entries[change->fd];
	struct pollfd *polled = polled_of(device, change->fd);
	bool same = polled->events == change->events;

	if (entry->stale && same && device->solaris10) {
		polled->fd = silent(change->fd);
		return;
	}
	polled->fd = change->fd;
	polled->events |= change->events;
	entry->stale = false;
	entry->unknown = fcntl(change->fd, F_GETFD) < 0;
}

/*
 * Bits none of which were set before add to the set, and so does a mask that holds all of the old
 * one.  A mask that repeats some old bits and lacks others was meant to replace them.
 */
static void check_addition(const struct device *device, const struct pollfd *change)
{
	if (change->events & POLLREMOVE)
		misuse(change->fd, "POLLREMOVE among other bits does not remove");
	if (!holds(device, change->fd))
		return;
	short old = polled_of(device, change->fd)->events;
	if (device->entries[change->fd].stale || device->entries[change->fd].unknown)
		misuse(change->fd, "added over the entry of another descriptor of that number");
	if ((old & change->events) != 0 && (old & ~change->events) != 0)
		misuse(change->fd, "old events stay set: write POLLREMOVE before fewer events");
}

static bool change_entry(struct device *device, const struct pollfd *change)
{
	bool held = holds(device, change->fd);

	if (change->events == POLLREMOVE) {
		if (held)
			remove_entry(device, change->fd);
		return true;
	}
	check_addition(device, change);
	if (held)
		widen(device, change);
	else if (make_room(device, change->fd))
		insert(device, change);
	else
		return false;
	return true;
}

static ssize_t write_changes(struct device *device, const void *octets, size_t count)
{
	const char *next = octets;
	size_t changes = count / sizeof(struct pollfd);
	rlim_t limit = descriptor_limit();

	if (!owns(device))
		return -1;
	if (changes > limit) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < changes; i++, next += sizeof(struct pollfd)) {
		struct pollfd change;

		memcpy(&change, next, sizeof change);
		if (change.fd < 0 || (rlim_t)change.fd >= limit)
			misuse(change.fd, "out of range, which the kernel passes over in silence");
		else if (!change_entry(device, &change))
			return -1;
	}
	return (ssize_t)count;
}

static ssize_t write_to_device(struct device *device, const void *octets, size_t count)
{
	lock();
	ssize_t result = write_changes(device, octets, count);
	unlock();
	return result;
}

ssize_t __wrap_write(int fd, const void *octets, size_t count)
{
	struct device *device = find_device(fd);

	return device != NULL ? write_to_device(device, octets, count)
	                      : __real_write(fd, octets, count);
}

ssize_t __wrap_pwrite(int fd, const void *octets, size_t count, off_t offset)
{
	struct device *device = find_device(fd);

	return device != NULL ? write_to_device(device, octets, count)
	                      : __real_pwrite(fd, octets, count, offset);
}

ssize_t __wrap_pwrite64(int fd, const void *octets, size_t count, off64_t offset)
{
	struct device *device = find_device(fd);

	return device != NULL ? write_to_device(device, octets, count)
	                      : __real_pwrite64(fd, octets, count, offset);
}

/* --- ioctl: asking the set ------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Solaris 10 counts in ticks, illumos waits for at least one. */
static int round_up(const struct device *device, int timeout)
{
	if (device->solaris10 && timeout <= INT32_MAX - TICK_MS)
		return (timeout + TICK_MS - 1) / TICK_MS * TICK_MS;
	return timeout < TICK_MS ? TICK_MS : timeout;
}

/* For POLLNVAL `events` is left as it was.  A descriptor hung up is never writable as well. */
static void tell(struct pollfd *result, const struct pollfd *polled)
{
	short revents = polled->revents;

	if (revents & POLLHUP)
		revents = (short)(revents & ~POLLOUT);
	result->fd = polled->fd;
	result->revents = revents;
	if (revents != POLLNVAL)
		result->events = polled->events;
}

/* The scan resumes behind the last one told, so that a small array starves nobody. */
static int collect(struct device *device, const struct dvpoll *request)
{
	nfds_t told = 0;
	size_t seen = 0, start = device->resume < device->count ? device->resume : 0;

	for (; seen < device->count && told < request->dp_nfds; seen++) {
		const struct pollfd *polled = &device->polled[(start + seen) % device->count];

		if (polled->revents != 0)
			tell(&request->dp_fds[told++], polled);
	}
	if (device->count > 0)
		device->resume = (start + seen) % device->count;
	return (int)told;
}

/* A device is used by one thread at a time: its array stays as it is while poll() sleeps. */
static int poll_device(struct device *device, const struct dvpoll *request)
{
	nfds_t count = request->dp_nfds > 0 ? device->count : 0;
	int timeout = request->dp_timeout;
	int64_t deadline = 0;

	if (device->solaris10 && request->dp_nfds >= descriptor_limit()) {
		errno = EINVAL;
		return -1;
	}
	if (timeout > 0) {
		timeout = round_up(device, timeout);
		deadline = now_ms() + timeout;
	}
	for (;;) {
		int ready = poll(device->polled, count, timeout);

		if (ready < 0)
			return -1;
		if (ready > 0)
			return collect(device, request);
		if (timeout < 0)
			continue;
		int64_t left = deadline - now_ms();
		if (timeout == 0 || left <= 0)
			return 0;
		timeout = (int)left;
	}
}

static int is_polled(const struct device *device, struct pollfd *asked)
{
	if (!holds(device, asked->fd) || device->entries[asked->fd].unknown)
		return 0;
	asked->revents = polled_of(device, asked->fd)->events;
	return 1;
}

static int ask_device(struct device *device, unsigned long request, void *argument)
{
	lock();
	bool owned = owns(device);
	unlock();
	if (!owned)
		return -1;
	if (request == DP_POLL)
		return poll_device(device, argument);
	if (request == DP_ISPOLLED)
		return is_polled(device, argument);
	errno = EINVAL;
	return -1;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct device *device = find_device(fd);
	va_list rest;

	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	return device != NULL ? ask_device(device, request, argument)
	                      : __real_ioctl(fd, request, argument);
}
