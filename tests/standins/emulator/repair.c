/*
 * What must be put right between a program and qemu-user, so that tests see the kernel and
 * not the emulator? Linked in front of libc by --wrap; on a real system there is nothing to do.
 *
 * - SO_ERROR is handed on with the number that the error has on the machine below, which is
 *   another one on mips (qemu 7.2).
 * - Descriptors for which a receiver has no room stay open in the emulator, out of reach; a
 *   kernel closes them.
 * - Threads of i386 share what they must not.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined __i386__
#include <asm/ldt.h>
#include <sys/syscall.h>
#endif

/* A message has no more descriptors. */
#define MOST_DESCRIPTORS 253

typedef int getsockopt_fn(int fd, int level, int name, void *value, socklen_t *len);
typedef ssize_t recvmsg_fn(int fd, struct msghdr *message, int flags);

/* Of the errors that sockets have, by their number on most processors. */
static int here(int number)
{
	static const struct {
		int below, here;
	} errors[] = {
		{32, EPIPE},      {103, ECONNABORTED}, {104, ECONNRESET},   {107, ENOTCONN},
		{110, ETIMEDOUT}, {111, ECONNREFUSED}, {113, EHOSTUNREACH}, {115, EINPROGRESS},
	};

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].below == number)
			return errors[i].here;
	return number;
}

static int repaired_getsockopt(getsockopt_fn *real, int fd, int level, int name, void *value,
                               socklen_t *len)
{
	const int result = real(fd, level, name, value, len);

	if (result == 0 && level == SOL_SOCKET && name == SO_ERROR)
		*(int *)value = here(*(int *)value);
	return result;
}

/* Puts into the caller's room what it holds, and closes the rest. */
static void hand_over(struct msghdr *message, const struct msghdr *all)
{
	const struct cmsghdr *came = CMSG_FIRSTHDR(all);
	struct cmsghdr *given = message->msg_control;
	const size_t had = message->msg_controllen;
	size_t octets, room = 0;

	if (had >= CMSG_LEN(sizeof(int)))
		room = (had - CMSG_LEN(0)) / sizeof(int) * sizeof(int);
	message->msg_controllen = 0;
	if (!came || came->cmsg_type != SCM_RIGHTS)
		return;
	octets = came->cmsg_len - CMSG_LEN(0);
	for (size_t at = room; at < octets; at += sizeof(int)) {
		int surplus;
		(void)memcpy(&surplus, CMSG_DATA(came) + at, sizeof surplus);
		(void)close(surplus);
		message->msg_flags |= MSG_CTRUNC;
	}
	if (octets > room)
		octets = room;
	if (octets == 0)
		return;
	*given = *came;
	given->cmsg_len = CMSG_LEN(octets);
	(void)memcpy(CMSG_DATA(given), CMSG_DATA(came), octets);
	message->msg_controllen = CMSG_SPACE(octets) < had ? CMSG_SPACE(octets) : had;
}

static ssize_t repaired_recvmsg(recvmsg_fn *real, int fd, struct msghdr *message, int flags)
{
	union {
		struct cmsghdr first;
		char room[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
	} control;
	struct msghdr all = *message;
	ssize_t result;

	all.msg_control = &control;
	all.msg_controllen = sizeof control;
	result = real(fd, &all, flags);
	if (result < 0)
		return result;
	message->msg_namelen = all.msg_namelen;
	message->msg_flags = all.msg_flags;
	hand_over(message, &all);
	return result;
}

/* ---- what --wrap leads here ---- */

getsockopt_fn __real_getsockopt, __wrap_getsockopt;
recvmsg_fn __real_recvmsg, __wrap_recvmsg;

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return repaired_getsockopt(__real_getsockopt, fd, level, name, value, len);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	return repaired_recvmsg(__real_recvmsg, fd, message, flags);
}

/* Who wants wide times on a processor of 32 bits gets others instead. */
#if defined __TIMESIZE && __TIMESIZE == 32

getsockopt_fn __real___getsockopt64, __wrap___getsockopt64;
recvmsg_fn __real___recvmsg64, __wrap___recvmsg64;

int __wrap___getsockopt64(int fd, int level, int name, void *value, socklen_t *len)
{
	return repaired_getsockopt(__real___getsockopt64, fd, level, name, value, len);
}

ssize_t __wrap___recvmsg64(int fd, struct msghdr *message, int flags)
{
	return repaired_recvmsg(__real___recvmsg64, fd, message, flags);
}

#endif

/* ---- i386 ---- */

/*
 * All threads have one table of segments there, and where its entry points is where each has its
 * thread-local storage from its next signal on. So it is the last thread that has begun that is
 * wrong, and only if it handles a signal, rather than the one that began it.
 */
#if defined __i386__

typedef int pthread_create_fn(pthread_t *thread, const pthread_attr_t *attributes,
                              void *(*start)(void *), void *arg);
pthread_create_fn __real_pthread_create, __wrap_pthread_create;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *arg)
{
	const int result = __real_pthread_create(thread, attributes, start, arg);
	struct user_desc mine = {
		.limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
	unsigned segment;

	__asm__("movl %%gs:0, %0" : "=r"(mine.base_addr));
	__asm__("movl %%gs, %0" : "=r"(segment));
	mine.entry_number = segment >> 3;
	(void)syscall(SYS_set_thread_area, &mine);
	return result;
}

#endif
