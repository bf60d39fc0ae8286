/*
 * How do FreeBSD, Darwin and Solaris answer who hands a file to a socket? After their
 * manual pages and sources; played with reads and writes. Signals come: every fifth call
 * is interrupted before its first block, every third behind it.
 */
#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct sf_hdtr;
int standin_sendfile_freebsd(int fd, int s, off_t offset, size_t nbytes, struct sf_hdtr *hdtr,
                             off_t *sbytes, int flags);
int standin_sendfile_darwin(int fd, int s, off_t offset, off_t *len, struct sf_hdtr *hdtr,
                            int flags);
ssize_t standin_sendfile_solaris(int out_fd, int in_fd, off_t *off, size_t len);

enum { BLOCK = 4096 };

static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static bool is_socket(int fd)
{
	int type;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

/* Moves octets until `most` have gone, the file ends, or something fails: 0, or an errno. */
static int move(int from, int to, off_t offset, off_t most, off_t *sent)
{
	static unsigned calls;
	const bool interrupted = ++calls % 3 == 0;
	char block[BLOCK];

	*sent = 0;
	if (calls % 5 == 0)
		return EINTR;
	while (*sent < most) {
		size_t want = most - *sent < BLOCK ? (size_t)(most - *sent) : BLOCK;
		ssize_t got = pread(from, block, want, offset + *sent);
		ssize_t put = got > 0 ? write(to, block, (size_t)got) : 0;

		if (got < 0 || put < 0)
			return errno;
		*sent += put;
		if (got == 0)
			return 0;
		if (interrupted && *sent < most)
			return EINTR;
	}
	return 0;
}

static int result_of(int error)
{
	errno = error != 0 ? error : errno;
	return error != 0 ? -1 : 0;
}

/* Of what is open, both want a file and a socket. */
static int refusal(int fd, int s)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || fstat(s, &st) != 0)
		return EBADF;
	if (!is_socket(s))
		return ENOTSOCK;
	return is_file(fd) ? 0 : EINVAL;
}

int standin_sendfile_freebsd(int fd, int s, off_t offset, size_t nbytes, struct sf_hdtr *hdtr,
                             off_t *sbytes, int flags)
{
	const off_t most = nbytes == 0 ? INT64_MAX : (off_t)nbytes;
	int error = refusal(fd, s);

	(void)flags;
	if (error == 0)
		error = hdtr != NULL ? EFAULT : move(fd, s, offset, most, sbytes);
	return result_of(error);
}

/* The length stays what it was with most errors. */
int standin_sendfile_darwin(int fd, int s, off_t offset, off_t *len, struct sf_hdtr *hdtr,
                            int flags)
{
	const off_t most = *len == 0 ? INT64_MAX : *len;
	off_t sent = 0;
	int error = refusal(fd, s);

	(void)flags;
	if (error == 0)
		error = hdtr != NULL ? EFAULT : move(fd, s, offset, most, &sent);
	if (error == 0 || error == EAGAIN || error == EINTR)
		*len = sent;
	return result_of(error);
}

/* Whatever is told, the offset is where the next octet is. */
ssize_t standin_sendfile_solaris(int out_fd, int in_fd, off_t *off, size_t len)
{
	struct stat st;
	off_t sent = 0;
	int error = fstat(in_fd, &st) != 0 ? EBADF : 0;

	if (error == 0)
		error = is_file(in_fd) ? move(in_fd, out_fd, *off, (off_t)len, &sent) : EINVAL;
	*off += sent;
	return error != 0 ? result_of(error) : (ssize_t)sent;
}
