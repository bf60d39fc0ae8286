/*
 * How does a descriptor go from one process to another? As ancillary data of a
 * local socket: it travels with an octet, and where no octet is read it is kept by
 * the kernel, though neither process may have it open.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/sigpipe.h"
#include "backend/sys.h"

int weir__sys_pair(int fd[2])
{
#if HAVE_SOCK_FLAGS
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -errno;
#else
	int error;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		return -errno;
	error = weir__sys_adopt(fd[0]);
	if (error == 0)
		error = weir__sys_adopt(fd[1]);
	if (error != 0) {
		weir__sys_close(fd[0]);
		weir__sys_close(fd[1]);
		return error;
	}
#endif
	return 0;
}

int weir__sys_is_pair(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int type = 0;
	socklen_t size = sizeof(type);

	memset(&addr, 0, sizeof(addr));
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    getpeername(fd, (struct sockaddr *)&addr, &len) < 0)
		return errno == ENOTCONN ? -EINVAL : -errno;
	return type == SOCK_STREAM && addr.ss_family == AF_UNIX ? 0 : -EINVAL;
}

int weir__sys_dup(int fd)
{
#if HAVE_F_DUPFD_CLOEXEC
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
#else
	/* Solaris 10. */
	int copy = fcntl(fd, F_DUPFD, 0);

	if (copy >= 0)
		(void)fcntl(copy, F_SETFD, FD_CLOEXEC);
#endif
	return copy >= 0 ? copy : -errno;
}

/* Room for the numbers, as the kernel wants it aligned. */
union control {
	struct cmsghdr header;
	unsigned char space[CMSG_SPACE(sizeof(int) * WEIR__PASSED_MAX)];
};

static void init_message(struct msghdr *msg, const struct weir__vec *vec, int n)
{
	memset(msg, 0, sizeof(*msg));
	msg->msg_iov = (struct iovec *)(uintptr_t)vec;
	msg->msg_iovlen = (uint16_t)n; /* widens to an int as well as to a size_t */
}

static void attach(struct msghdr *msg, union control *control, int fd)
{
	struct cmsghdr *header;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(int));
	header = CMSG_FIRSTHDR(msg);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
}

static int64_t send_message(int fd, const struct msghdr *msg)
{
#if HAVE_MSG_NOSIGNAL
	const int flags = MSG_NOSIGNAL;
#else
	const int flags = 0;
#endif
	ssize_t put;

	do
		put = sendmsg(fd, msg, flags);
	while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

/* Where neither a flag nor an option of the socket keeps SIGPIPE away. */
static int64_t send_quietly(int fd, const struct msghdr *msg)
{
#if HAVE_MSG_NOSIGNAL || HAVE_SO_NOSIGPIPE
	return send_message(fd, msg);
#else
	struct weir__sigpipe held;

	weir__sigpipe_hold(&held);

	int64_t put = send_message(fd, msg);

	weir__sigpipe_release(&held, put == -EPIPE);
	return put;
#endif
}

/* The kernel holds as many on their way as a process may have open: the rest waits. */
int64_t weir__sys_write_passing(int fd, const struct weir__vec *vec, int n, int passed)
{
	union control control;
	struct msghdr msg;
	int64_t put;

	if (passed < 0)
		return weir__sys_writev(fd, vec, n);
	init_message(&msg, vec, n);
	attach(&msg, &control, passed);
	put = send_quietly(fd, &msg);
	return put == -ETOOMANYREFS || put == -ENOBUFS ? -EAGAIN : put;
}

static void close_on_exec(int fd)
{
#if !HAVE_MSG_CMSG_CLOEXEC
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
#else
	(void)fd;
#endif
}

/* Takes the numbers out of one header. */
static void take(const struct cmsghdr *header, int *passed, int *n)
{
	const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
		close_on_exec(fd);
		if (*n < WEIR__PASSED_MAX)
			passed[(*n)++] = fd;
		else
			weir__sys_close(fd);
	}
}

int64_t weir__sys_read_passing(int fd, const struct weir__vec *vec, int n, int *passed,
                               int *npassed, bool *lost)
{
#if HAVE_MSG_CMSG_CLOEXEC
	const int flags = MSG_CMSG_CLOEXEC;
#else
	const int flags = 0;
#endif
	union control control;
	struct msghdr msg;
	ssize_t got;

	*npassed = 0;
	*lost = false;
	init_message(&msg, vec, n);
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	do
		got = recvmsg(fd, &msg, flags);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&msg); h != NULL; h = CMSG_NXTHDR(&msg, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
			take(h, passed, npassed);
	*lost = (msg.msg_flags & MSG_CTRUNC) != 0;
	return got;
}
