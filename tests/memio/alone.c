/*
 * What does sys.h say of other processes? That there are none: nothing can be started,
 * passed or shared, and nobody started this one.
 */
#include <errno.h>
#include <stddef.h>

#include "tests/memio/kernel.h"

/* ---- starting and ending ---- */

int64_t weir__sys_spawn(const struct weir__spawn *how, int *report)
{
	(void)how;
	*report = -1;
	return -ENOSYS;
}

int weir__sys_report(int fd)
{
	(void)fd;
	return -EBADF;
}

int64_t weir__sys_fork(void)
{
	return -ENOSYS;
}

void weir__sys_exit(int code)
{
	memio__note_misuse("exit: %d", code);
}

int weir__sys_pidfd(int64_t pid)
{
	(void)pid;
	return -ENOSYS;
}

bool weir__sys_pidfds(void)
{
	return false;
}

int weir__sys_reap(int64_t pid, int *code, int *signo)
{
	(void)pid;
	(void)code;
	(void)signo;
	return -ECHILD;
}

int weir__sys_kill(int64_t pid, int signo)
{
	(void)pid;
	(void)signo;
	return -ESRCH;
}

char *const *weir__sys_environment(void)
{
	static char *const none[] = {NULL};

	return none;
}

int weir__sys_processors(void)
{
	return 1;
}

/* ---- sharing and passing ---- */

void *weir__sys_share(size_t size)
{
	(void)size;
	return NULL;
}

void weir__sys_unshare(void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

int weir__sys_pair(int fd[2])
{
	fd[0] = fd[1] = -1;
	return -ENOSYS;
}

int weir__sys_is_pair(int fd)
{
	(void)fd;
	return -ENOTSOCK;
}

int weir__sys_dup(int fd)
{
	(void)fd;
	return -ENOSYS;
}

int weir__sys_disown(int fd)
{
	(void)fd;
	return -ENOSYS;
}

bool weir__sys_is_open(int fd)
{
	return memio__file_of(fd, "is_open") != NULL;
}

int64_t weir__sys_write_passing(int fd, const struct weir__vec *vec, int n, int passed)
{
	return passed < 0 ? weir__sys_writev(fd, vec, n) : -ENOSYS;
}

int64_t weir__sys_read_passing(int fd, const struct weir__vec *vec, int n, int *passed,
                               int *npassed, bool *lost)
{
	(void)passed;
	*npassed = 0;
	*lost = false;
	return weir__sys_readv(fd, vec, n);
}

/* ---- who started this one ---- */

int weir__sys_inherit_addr(const struct weir__addr *addr)
{
	(void)addr;
	return -ENOENT;
}

int weir__sys_inherit_channel(void)
{
	return -ENOENT;
}

int weir__sys_notify(const char *text, size_t len)
{
	(void)text;
	(void)len;
	return 0;
}
