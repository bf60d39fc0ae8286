#ifndef PORTS_ILLUMOS_SYS_EPOLL_H
#define PORTS_ILLUMOS_SYS_EPOLL_H
/* A look-alike on top of /dev/poll: that it is here is no reason to take it. */
#include <stdint.h>

struct epoll_event {
	uint32_t events;
	union {
		void *ptr;
		int fd;
		uint32_t u32;
		uint64_t u64;
	} data;
};
enum { EPOLL_CLOEXEC = 0x80000 };
enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
enum { EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16 };
#define EPOLLEXCLUSIVE (1U << 28)
int epoll_create(int);
int epoll_create1(int);
int epoll_ctl(int, int, int, struct epoll_event *);
int epoll_wait(int, struct epoll_event *, int, int);

#endif
