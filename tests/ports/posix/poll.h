#ifndef PORTS_POLL_H
#define PORTS_POLL_H
#ifndef PORTS_NFDS_T
#define PORTS_NFDS_T unsigned
#endif
typedef PORTS_NFDS_T nfds_t;
struct pollfd {
	int fd;
	short events, revents;
};
enum { POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, POLLNVAL = 32 };
int poll(struct pollfd[], nfds_t, int);

#endif
