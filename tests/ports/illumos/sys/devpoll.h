#ifndef PORTS_ILLUMOS_SYS_DEVPOLL_H
#define PORTS_ILLUMOS_SYS_DEVPOLL_H
#include <poll.h>
#include <signal.h>

#define DP_POLL 0xd001
#define DP_ISPOLLED 0xd002
#define DP_PPOLL 0xd003
#define DP_EPOLLCOMPAT 0xd004
struct dvpoll {
	struct pollfd *dp_fds;
	nfds_t dp_nfds;
	int dp_timeout;
	sigset_t *dp_setp;
};

#endif
