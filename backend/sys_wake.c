/*
 * How does a loop that sleeps in its poller hear of something that is no
 * descriptor (a signal, another thread)? By a descriptor that is written to.
 */
#include "config.h"

#include <errno.h>
#include <unistd.h>
#if HAVE_EVENTFD
#include <sys/eventfd.h>
#endif

#include "backend/sys.h"

int weir__sys_wake_open(int fd[2])
{
#if HAVE_EVENTFD
	fd[0] = fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd[0] >= 0)
		return 0;
	if (errno != ENOSYS)
		return -errno;
#endif
	return weir__sys_pipe(fd);
}

void weir__sys_wake_close(int fd[2])
{
	weir__sys_close(fd[0]);
	if (fd[1] != fd[0])
		weir__sys_close(fd[1]);
	fd[0] = fd[1] = -1;
}

/*
 * Eight octets suit an eventfd and a pipe alike. A full one (EAGAIN) is
 * readable already, so nothing is lost.
 */
void weir__sys_wake_send(int fd)
{
	static const uint64_t one = 1;
	int saved = errno;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}

/* An eventfd gives its eight octets once; a pipe is empty after a short read. */
void weir__sys_wake_drain(int fd)
{
	uint64_t buf[64];
	ssize_t n;

	do
		n = read(fd, buf, sizeof(buf));
	while (n == (ssize_t)sizeof(buf) || (n < 0 && errno == EINTR));
}
