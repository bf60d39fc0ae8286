/*
 * How does another process come to be, and what is learned of its end?
 *
 * Between fork and exec the child has one thread and what the parent's memory was:
 * only calls that are safe in a signal handler are made there (but for reading a
 * folder, where the system has no better way of closing descriptors; the C
 * libraries that weir knows keep malloc usable after a fork).
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#if HAVE_PIDFD
#include <sys/pidfd.h>
#endif

#include "backend/sys.h"

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

extern char **environ;

/* ---- fork ---------------------------------------------------------------- */

/*
 * No handler may run in the child while it has the parent's wake descriptor: it
 * would wake the parent's loop.
 */
static pid_t fork_masked(sigset_t *before)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, before);
	return fork();
}

static void unmask(const sigset_t *before)
{
	int saved = errno;

	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
	errno = saved;
}

int64_t weir__sys_fork(void)
{
	sigset_t before;
	pid_t pid = fork_masked(&before);

	if (pid == 0)
		weir__sys_signals_forget();
	unmask(&before);
	return pid < 0 ? -errno : (int64_t)pid;
}

void weir__sys_exit(int code)
{
	_exit(code);
}

/* ---- closing what the child is not to have ------------------------------- */

#if !HAVE_CLOSEFROM
/* The names in the folder are the numbers of the open descriptors. */
static bool close_listed(const char *folder, int first)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		int fd = 0;

		while (*name >= '0' && *name <= '9' && fd < INT32_MAX / 10)
			fd = fd * 10 + (*name++ - '0');
		if (*name == '\0' && fd >= first && fd != dirfd(dir))
			(void)close(fd);
	}
	(void)closedir(dir);
	return true;
}

enum { BLOCK = 256, GAP = 65536 };

/* Closes the open ones of a block; how many there were. poll tells of many at once. */
static int close_block(int first, int n)
{
	struct pollfd block[BLOCK];
	int open = 0;

	for (int i = 0; i < n; i++)
		block[i] = (struct pollfd){.fd = first + i};
	if (poll(block, (nfds_t)n, 0) < 0)
		return 0;
	for (int i = 0; i < n; i++) {
		if (block[i].revents & POLLNVAL)
			continue;
		(void)close(first + i);
		open++;
	}
	return open;
}

/*
 * The limit may be a thousand million: the search ends where so many numbers in a
 * row were not in use.
 */
static void close_searching(int first)
{
	const int limit = weir__sys_fd_limit();
	int empty = 0;

	while (first < limit && empty < GAP) {
		const int n = limit - first < BLOCK ? limit - first : BLOCK;

		empty = close_block(first, n) > 0 ? 0 : empty + n;
		first += n;
	}
}
#endif

void weir__sys_close_from(int first)
{
#if HAVE_CLOSE_RANGE
	if (close_range((unsigned)first, ~0U, 0) == 0)
		return;
#endif
		/* A kernel may be older than its C library. */
#if HAVE_CLOSEFROM
	(void)closefrom(first);
#else
	if (!close_listed("/proc/self/fd", first) && !close_listed("/dev/fd", first))
		close_searching(first);
#endif
}

/* ---- between fork and exec ------------------------------------------------ */

static int failed(int result)
{
	return result < 0 ? errno : 0;
}

/* Makes `to` a descriptor of the empty device; -1 with errno set. */
static int place_null(int to)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0 || fd == to)
		return fd;

	int result = dup2(fd, to);
	int saved = errno;

	(void)close(fd);
	errno = saved;
	return result;
}

static int place(int from, int to)
{
	int error;

	if (from != to)
		return failed(dup2(from, to));
	/* It only has to survive exec. Some do not survive fork, as kqueues. */
	error = failed(fcntl(to, F_SETFD, 0));
	return error == EBADF ? failed(place_null(to)) : error;
}

/* Moves the sources out of the way of the places, among them the one behind all others. All from
   there on are closed before the exec. */
static int clear_places(int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		if (fds[i] < 0 || fds[i] == i || fds[i] > n)
			continue;
		fds[i] = fcntl(fds[i], F_DUPFD, n + 1);
		if (fds[i] < 0)
			return errno;
	}
	return 0;
}

/* The report comes to stand right behind the child's own, so that all else can be closed. */
static int keep_report(int *report, int n)
{
	if (*report != n && dup2(*report, n) < 0)
		return errno;
	*report = n;
	return failed(fcntl(n, F_SETFD, FD_CLOEXEC));
}

static int place_descriptors(int *fds, int n, int *report)
{
	int error = clear_places(fds, n);

	if (error == 0)
		error = keep_report(report, n);
	for (int i = 0; i < n && error == 0; i++) {
		if (fds[i] == WEIR__FD_NULL)
			error = failed(place_null(i));
		else if (fds[i] == WEIR__FD_NONE)
			(void)close(i);
		else
			error = place(fds[i], i);
	}
	return error;
}

/* Groups first: afterwards it may no longer be allowed. */
static int change_owner(int64_t uid, int64_t gid)
{
	int error = 0;

	if ((uid >= 0 || gid >= 0) && geteuid() == 0)
		error = failed(setgroups(0, NULL));
	if (gid >= 0 && error == 0)
		error = failed(setgid((gid_t)gid));
	if (uid >= 0 && error == 0)
		error = failed(setuid((uid_t)uid));
	return error;
}

static void write_number(char *text, int64_t number)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (n > 0)
		*text++ = digits[--n];
	*text = '\0';
}

static int prepare(const struct weir__spawn *how, int *report)
{
	int error = how->session ? failed(setsid()) : 0;

	if (error == 0)
		error = place_descriptors(how->fds, how->nfds, report);
	if (error == 0 && how->cwd != NULL)
		error = failed(chdir(how->cwd));
	if (error == 0)
		error = change_owner(how->uid, how->gid);
	for (int i = 0; i < how->npid_texts; i++)
		write_number(how->pid_texts[i], getpid());
	return error;
}

static _Noreturn void run(const struct weir__spawn *how, int report)
{
	int error = prepare(how, &report);

	if (error == 0) {
		sigset_t none;

		weir__sys_close_from(how->nfds + 1);
		weir__sys_signals_default();
		(void)sigemptyset(&none);
		(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
		if (how->env != NULL)
			environ = (char **)(uintptr_t)how->env;
		(void)execvp(how->file, how->argv);
		error = errno;
	}
	while (write(report, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* Before the report is made, which may come to stand at such a number. */
static void find_empty(int *fds, int n)
{
	for (int i = 0; i < n; i++)
		if (fds[i] == i && !weir__sys_is_open(i))
			fds[i] = WEIR__FD_NULL;
}

int64_t weir__sys_spawn(const struct weir__spawn *how, int *report)
{
	int fd[2];
	sigset_t before;

	find_empty(how->fds, how->nfds);

	int error = weir__sys_pipe(fd);

	*report = -1;
	if (error != 0)
		return error;

	pid_t pid = fork_masked(&before);

	if (pid == 0)
		run(how, fd[1]);
	if (pid < 0)
		error = -errno;
	unmask(&before);
	weir__sys_close(fd[1]);
	if (pid < 0) {
		weir__sys_close(fd[0]);
		return error;
	}
	*report = fd[0];
	return pid;
}

int weir__sys_report(int fd)
{
	int error = 0;
	ssize_t got;

	do
		got = read(fd, &error, sizeof(error));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? 1 : -errno;
	return got == (ssize_t)sizeof(error) ? -error : 0;
}

/* ---- its end -------------------------------------------------------------- */

int weir__sys_pidfd(int64_t pid)
{
#if HAVE_PIDFD
	int fd = pidfd_open((pid_t)pid, 0);

	return fd >= 0 ? fd : -errno;
#else
	(void)pid;
	return -ENOSYS;
#endif
}

bool weir__sys_pidfds(void)
{
	int fd = weir__sys_pidfd(getpid());

	if (fd >= 0)
		weir__sys_close(fd);
	/* For want of a number it is no answer: then it is asked again next time. */
	return fd >= 0 || fd == -EMFILE || fd == -ENFILE;
}

int weir__sys_reap(int64_t pid, int *code, int *signo)
{
	int status;
	pid_t ended;

	do
		ended = waitpid((pid_t)pid, &status, WNOHANG);
	while (ended < 0 && errno == EINTR);
	if (ended <= 0)
		return ended == 0 ? 0 : -errno;
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	*signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return 1;
}

int weir__sys_kill(int64_t pid, int signo)
{
	return kill((pid_t)pid, signo) == 0 ? 0 : -errno;
}

/* ---- what processes share ------------------------------------------------- */

char *const *weir__sys_environment(void)
{
	return environ;
}

int weir__sys_processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 && n < INT16_MAX ? (int)n : 1;
}

void *weir__sys_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void weir__sys_unshare(void *memory, size_t size)
{
	if (memory != NULL)
		(void)munmap(memory, size);
}
