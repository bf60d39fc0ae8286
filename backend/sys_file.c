/*
 * How do octets go from a file into a socket without passing through us?
 *
 * Four kernels have a call of one name for it, in three forms:
 *
 *   Linux      4 arguments, the file second; moves on the offset that is pointed to
 *   Solaris    the same; but when the socket is full in the midst it fails (EAGAIN),
 *              and only the offset tells what went
 *   FreeBSD    7 arguments, the file first; what went is told beside the result, also
 *              with an error
 *   Darwin     6 arguments, the file first; what went stands where the length stood,
 *              and that is true with success, EAGAIN and EINTR alone
 *
 * In the last two a length of 0 is all there is. Where there is none, or where the
 * kernel cannot do it with this pair of descriptors, a buffer is read and written: what
 * was read and found no room is read again.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#if HAVE_SENDFILE_LINUX
#include <sys/sendfile.h>
#endif

#include "backend/sigpipe.h"
#include "backend/sys.h"

/* As for other writes: some kernels refuse more, and none moves more. */
#define MOST_AT_ONCE ((int64_t)INT_MAX - 4095)
enum { BUFFER = 16384 };

/* One call: the octets that went, 0 when the file has none there, or -errno with none gone. */
#if HAVE_SENDFILE_FREEBSD
static int64_t hand_over(int to, int from, off_t offset, size_t len)
{
	off_t sent = 0;
	int result = sendfile(from, to, offset, len, NULL, &sent, 0);

	return result < 0 && sent == 0 ? -errno : (int64_t)sent;
}
#elif HAVE_SENDFILE_DARWIN
static int64_t hand_over(int to, int from, off_t offset, size_t len)
{
	off_t sent = (off_t)len;
	int result = sendfile(from, to, offset, &sent, NULL, 0);

	if (result < 0 && ((errno != EAGAIN && errno != EINTR) || sent == 0))
		return -errno;
	return sent;
}
#elif HAVE_SENDFILE_LINUX
static int64_t hand_over(int to, int from, off_t offset, size_t len)
{
	off_t end = offset;
	ssize_t sent = sendfile(to, from, &end, len);

	if (sent < 0 && end == offset)
		return -errno;
	return sent < 0 ? end - offset : sent;
}
#else
static int64_t hand_over(int to, int from, off_t offset, size_t len)
{
	(void)to;
	(void)from;
	(void)offset;
	(void)len;
	return -ENOSYS;
}
#endif

/* Not every form has a flag against SIGPIPE. One may have come also where some octets went before
   the peer did. */
static int64_t send_quietly(int to, int from, off_t offset, size_t len)
{
	struct weir__sigpipe held;
	int64_t sent;

	weir__sigpipe_hold(&held);
	do
		sent = hand_over(to, from, offset, len);
	while (sent == -EINTR);
	weir__sigpipe_release(&held, sent < (int64_t)len);
	return sent;
}

/* Whether another way may do what this error refuses. */
static bool not_this_way(int64_t error)
{
	return error == -EINVAL || error == -ENOSYS || error == -ENOTSOCK || error == -ENOTSUP ||
	       error == -EOPNOTSUPP;
}

static int64_t copy(int to, int from, off_t offset, size_t len)
{
	char buffer[BUFFER];
	ssize_t got;

	do
		got = pread(from, buffer, len < BUFFER ? len : BUFFER, offset);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got < 0 ? -errno : 0;

	const struct weir__vec vec = {buffer, (size_t)got};

	return weir__sys_writev(to, &vec, 1);
}

int64_t weir__sys_sendfile(int to, int from, int64_t offset, int64_t len)
{
	const off_t at = (off_t)offset;
	const size_t most = (size_t)(len < MOST_AT_ONCE ? len : MOST_AT_ONCE);

	if (offset < 0 || len < 1 || offset > INT64_MAX - len)
		return -EINVAL;
	if (at != offset)
		return -EOVERFLOW;

	int64_t sent = send_quietly(to, from, at, most);

	return not_this_way(sent) ? copy(to, from, at, most) : sent;
}
