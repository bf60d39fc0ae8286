#ifndef PORTS_SOLARIS10_SYS_DEVPOLL_H
#define PORTS_SOLARIS10_SYS_DEVPOLL_H
#include <poll.h>

#define DP_POLL 0xd001
#define DP_ISPOLLED 0xd002
struct dvpoll {
	struct pollfd *dp_fds;
	nfds_t dp_nfds;
	int dp_timeout;
};

#endif
