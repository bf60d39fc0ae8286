/*
 * What does sys.h say of everything but sockets? Clocks, threads, descriptors of
 * any kind, wake-ups and signals.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "tests/memio/kernel.h"

/* ---- clocks, threads, errors ---- */

int64_t weir__sys_now_us(void)
{
	return memio__k.now;
}

int64_t weir__sys_wall_s(void)
{
	return memio__k.wall + memio__k.now / 1000000;
}

const bool weir__sys_debug = true;

uintptr_t weir__sys_thread(void)
{
	return memio__k.thread;
}

void weir__sys_yield(void)
{
}

int64_t weir__sys_pid(void)
{
	return memio__k.pid;
}

const char *weir__sys_error(int number)
{
	return strerror(number);
}

/* ---- descriptors ---- */

static bool good_pieces(const struct weir__vec *vec, int n, const char *call)
{
	if (vec != NULL && n >= 1 && n <= WEIR__VEC_MAX)
		return true;
	memio__note_misuse("%s: %d pieces", call, n);
	return false;
}

static int64_t read_wakes(struct memio__file *f, const struct weir__vec *vec)
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
	int error = memio__enter(MEMIO_READ);
	struct memio__file *f = memio__file_of(fd, "readv");

	if (f == NULL)
		return -EBADF;
	if (!good_pieces(vec, n, "readv"))
		return -EINVAL;
	if (error != 0)
		return -error;
	switch (f->kind) {
	case MEMIO__LISTENER:
		return -ENOTCONN;
	case MEMIO__STREAM:
		return memio__read_end(f->end, vec, n, memio__k.most_read);
	case MEMIO__WAKE:
		return read_wakes(f, vec);
	default:
		return (int64_t)memio__take(&f->plain, vec, n, memio__k.most_read);
	}
}

static int64_t write_plain(struct memio__file *f, const struct weir__vec *vec, int n)
{
	size_t total = 0;

	for (int i = 0; i < n && total < memio__k.most_written; i++) {
		size_t len = memio__least(vec[i].len, memio__k.most_written - total);

		memio__put(&f->plain, vec[i].data, len);
		total += len;
	}
	return (int64_t)total;
}

int64_t weir__sys_writev(int fd, const struct weir__vec *vec, int n)
{
	int error = memio__enter(MEMIO_WRITE);
	struct memio__file *f = memio__file_of(fd, "writev");

	if (f == NULL)
		return -EBADF;
	if (!good_pieces(vec, n, "writev"))
		return -EINVAL;
	if (error != 0)
		return -error;
	switch (f->kind) {
	case MEMIO__LISTENER:
		return -ENOTCONN;
	case MEMIO__STREAM:
		return memio__write_end(f->end, vec, n, memio__k.most_written);
	case MEMIO__WAKE:
		f->wakes++;
		return 8;
	default:
		return write_plain(f, vec, n);
	}
}

static void check_unused(int fd)
{
	for (const weir__poller *p = memio__k.pollers; p != NULL; p = p->next)
		if (fd < p->n && p->regs[fd].mask != 0) {
			memio__note_misuse("close: descriptor %d is registered (no drop)", fd);
			p->regs[fd].mask = 0;
		}
	for (int signo = 1; signo < WEIR__SIGNAL_MAX; signo++)
		if (memio__k.signals[signo].wake == fd + 1)
			memio__note_misuse("close: descriptor %d is woken by signal %d", fd, signo);
}

void weir__sys_close(int fd)
{
	struct memio__file *f = memio__file_of(fd, "close");

	(void)memio__enter(MEMIO_CLOSE);
	if (f == NULL)
		return;
	check_unused(fd);
	if (f->kind == MEMIO__STREAM)
		memio__close_end(f->end);
	for (memio_client *e; (e = memio__pop(&f->queue)) != NULL;) {
		e->abrupt = true;
		memio__close_end(e);
	}
	memio__free_file(fd);
}

int weir__sys_adopt(int fd)
{
	int error = memio__enter(MEMIO_ADOPT);

	return memio__file_of(fd, "adopt") == NULL ? -EBADF : -error;
}

int weir__sys_pipe(int fd[2])
{
	int error = memio__enter(MEMIO_PIPE);
	struct memio__file *r, *w;

	fd[0] = fd[1] = -1;
	if (error != 0)
		return -error;

	int reader = memio__new_fd(&r, MEMIO__STREAM);

	if (reader < 0)
		return reader;

	int writer = memio__new_fd(&w, MEMIO__STREAM);

	if (writer < 0) {
		memio__free_file(reader);
		return writer;
	}
	fd[0] = reader;
	fd[1] = writer;
	r->end = memio__new_end(false);
	w->end = memio__new_end(false);
	r->end->is_pipe = w->end->is_pipe = true;
	r->end->can_write = w->end->can_read = false;
	memio__join(r->end, w->end);
	return 0;
}

int weir__sys_fd_limit(void)
{
	return memio__k.fd_limit;
}

/* ---- wake-ups ---- */

int weir__sys_wake_open(int fd[2])
{
	int error = memio__enter(MEMIO_WAKE_OPEN);
	struct memio__file *f;

	fd[0] = fd[1] = -1;
	if (error != 0)
		return -error;

	int made = memio__new_fd(&f, MEMIO__WAKE);

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

static struct memio__file *wake_of(int fd, const char *call)
{
	struct memio__file *f = memio__file_of(fd, call);

	if (f != NULL && f->kind != MEMIO__WAKE) {
		memio__note_misuse("%s: descriptor %d is no wake-up", call, fd);
		return NULL;
	}
	return f;
}

void weir__sys_wake_send(int fd)
{
	struct memio__file *f = wake_of(fd, "wake_send");

	if (memio__enter(MEMIO_WAKE_SEND) == 0 && f != NULL)
		f->wakes++;
}

void weir__sys_wake_drain(int fd)
{
	struct memio__file *f = wake_of(fd, "wake_drain");

	if (memio__enter(MEMIO_WAKE_DRAIN) == 0 && f != NULL)
		f->wakes = 0;
}

/* ---- signals ---- */

static bool is_uncatchable(int signo)
{
	return signo < 1 || signo >= WEIR__SIGNAL_MAX || signo == SIGKILL || signo == SIGSTOP ||
	       signo == SIGILL || signo == SIGFPE || signo == SIGSEGV || signo == SIGBUS;
}

int weir__sys_signal_catch(int signo, int wake_fd)
{
	int error = memio__enter(MEMIO_SIGNAL_CATCH);

	if (wake_of(wake_fd, "signal_catch") == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (is_uncatchable(signo))
		return -EINVAL;
	if (memio__k.signals[signo].wake != 0)
		return memio__k.signals[signo].wake == wake_fd + 1 ? 0 : -EBUSY;
	memio__k.signals[signo] = (struct memio__caught){.wake = wake_fd + 1};
	return 0;
}

void weir__sys_signal_release(int signo)
{
	if (signo >= 1 && signo < WEIR__SIGNAL_MAX)
		memio__k.signals[signo] = (struct memio__caught){0};
}

unsigned weir__sys_signal_take(int signo)
{
	if (signo < 1 || signo >= WEIR__SIGNAL_MAX)
		return 0;

	unsigned count = memio__k.signals[signo].count;

	memio__k.signals[signo].count = 0;
	return count;
}

int weir__sys_signal_number(enum weir__signal_name name)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGKILL, SIGCHLD};

	return numbers[name];
}

bool memio_raise(int signo)
{
	if (signo < 1 || signo >= WEIR__SIGNAL_MAX || memio__k.signals[signo].wake == 0)
		return false;

	struct memio__file *f = memio__peek_file(memio__k.signals[signo].wake - 1);

	memio__k.signals[signo].count++;
	if (f != NULL)
		f->wakes++;
	return true;
}
