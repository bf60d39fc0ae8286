/*
 * What does <sys/devpoll.h> look like on Solaris and illumos?  The part that a program needs
 * which polls descriptors.
 */
#ifndef STANDIN_SYS_DEVPOLL_H
#define STANDIN_SYS_DEVPOLL_H

#include <poll.h>

/* glibc gives this name, under _GNU_SOURCE, to a bit of its own that nothing uses. */
#undef POLLREMOVE
#define POLLREMOVE 0x0800

#define DP_POLL 0xD001
#define DP_ISPOLLED 0xD002

struct dvpoll {
	struct pollfd *dp_fds;
	nfds_t dp_nfds;
	int dp_timeout;
};

#endif
