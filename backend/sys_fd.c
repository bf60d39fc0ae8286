/*
 * How are octets moved through a descriptor of any kind, without ever waiting
 * and without SIGPIPE, and how is a descriptor made fit for the loop?
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/sigpipe.h"
#include "backend/sys.h"

/* The pieces go to the kernel as they are. */
_Static_assert(sizeof(struct weir__vec) == sizeof(struct iovec), "struct weir__vec is an iovec");
_Static_assert(offsetof(struct weir__vec, data) == offsetof(struct iovec, iov_base),
               "struct weir__vec begins as an iovec does");
_Static_assert(offsetof(struct weir__vec, len) == offsetof(struct iovec, iov_len),
               "struct weir__vec ends as an iovec does");

/*
 * Darwin and FreeBSD refuse (EINVAL) to move more than INT_MAX octets in one
 * call; Linux moves no more either.
 */
#define MOST_AT_ONCE ((size_t)INT_MAX - 4095)

static struct iovec *as_iovec(const struct weir__vec *vec)
{
	return (struct iovec *)(uintptr_t)vec;
}

/* How many of the pieces may be moved in one call; 0 when the first is too long. */
static int fitting(const struct weir__vec *vec, int n)
{
	size_t sum = 0;
	int i;

	for (i = 0; i < n && vec[i].len <= MOST_AT_ONCE - sum; i++)
		sum += vec[i].len;
	return i;
}

static int64_t read_pieces(int fd, const struct weir__vec *vec, int n)
{
	ssize_t got;

	do
		got = n == 1 ? read(fd, vec->data, vec->len) : readv(fd, as_iovec(vec), n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

int64_t weir__sys_readv(int fd, const struct weir__vec *vec, int n)
{
	if (n == 1 && vec->len <= MOST_AT_ONCE)
		return read_pieces(fd, vec, 1);
	if (n < 1 || n > WEIR__VEC_MAX)
		return -EINVAL;

	int fit = fitting(vec, n);
	const struct weir__vec part = {vec->data, MOST_AT_ONCE};

	return fit > 0 ? read_pieces(fd, vec, fit) : read_pieces(fd, &part, 1);
}

static int64_t write_pieces(int fd, const struct weir__vec *vec, int n)
{
	ssize_t put;

	do
		put = n == 1 ? write(fd, vec->data, vec->len) : writev(fd, as_iovec(vec), n);
	while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

/* What is no socket takes no flag against SIGPIPE. */
static int64_t write_masked(int fd, const struct weir__vec *vec, int n)
{
	struct weir__sigpipe held;

	weir__sigpipe_hold(&held);

	int64_t put = write_pieces(fd, vec, n);

	weir__sigpipe_release(&held, put == -EPIPE);
	return put;
}

#if HAVE_MSG_NOSIGNAL || HAVE_SO_NOSIGPIPE
static ssize_t send_pieces(int fd, const struct weir__vec *vec, int n, int flags)
{
	struct msghdr msg;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = as_iovec(vec);
	msg.msg_iovlen = (uint16_t)n; /* widens to an int as well as to a size_t */
	return sendmsg(fd, &msg, flags);
}

/* Sockets first, with one call: they are the usual case. */
static int64_t write_quietly(int fd, const struct weir__vec *vec, int n)
{
#if HAVE_MSG_NOSIGNAL
	const int flags = MSG_NOSIGNAL;
#else
	const int flags = 0; /* SO_NOSIGPIPE is set on each */
#endif
	ssize_t put;

	do
		put = n == 1 ? send(fd, vec->data, vec->len, flags)
		             : send_pieces(fd, vec, n, flags);
	while (put < 0 && errno == EINTR);
	if (put < 0 && errno == ENOTSOCK)
		return write_masked(fd, vec, n);
	return put < 0 ? -errno : put;
}
#else
static int64_t write_quietly(int fd, const struct weir__vec *vec, int n)
{
	return write_masked(fd, vec, n);
}
#endif

int64_t weir__sys_writev(int fd, const struct weir__vec *vec, int n)
{
	if (n == 1 && vec->len <= MOST_AT_ONCE)
		return write_quietly(fd, vec, 1);
	if (n < 1 || n > WEIR__VEC_MAX)
		return -EINVAL;

	int fit = fitting(vec, n);
	const struct weir__vec part = {vec->data, MOST_AT_ONCE};

	return fit > 0 ? write_quietly(fd, vec, fit) : write_quietly(fd, &part, 1);
}

/* Not retried: after EINTR the number may be another thread's descriptor already. */
void weir__sys_close(int fd)
{
	(void)close(fd);
}

/* Flags that are set already (BSD's accept inherits them) cost no second call. */
int weir__sys_adopt(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	flags = fcntl(fd, F_GETFD);
	if (flags < 0)
		return -errno;
	if (!(flags & FD_CLOEXEC) && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
		return -errno;
#if HAVE_SO_NOSIGPIPE && !HAVE_MSG_NOSIGNAL
	/* Refused by what is no socket and by a connection that is dead already. */
	const int on = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
	return 0;
}

int weir__sys_disown(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

bool weir__sys_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

int weir__sys_pipe(int fd[2])
{
#if HAVE_PIPE2
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0)
		return 0;
	int error = -errno;
#else
	int error = pipe(fd) == 0 ? 0 : -errno;

	if (error == 0) {
		error = weir__sys_adopt(fd[0]);
		if (error == 0)
			error = weir__sys_adopt(fd[1]);
		if (error == 0)
			return 0;
		weir__sys_close(fd[0]);
		weir__sys_close(fd[1]);
	}
#endif
	fd[0] = fd[1] = -1;
	return error;
}

int weir__sys_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return _POSIX_OPEN_MAX;
	return limit.rlim_cur < INT_MAX ? (int)limit.rlim_cur : INT_MAX;
}
