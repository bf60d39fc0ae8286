#ifndef PORTS_FREEBSD_SYS_SOCKET_H
#define PORTS_FREEBSD_SYS_SOCKET_H
#include_next <sys/socket.h>

enum { SOCK_CLOEXEC = 0x10000000, SOCK_NONBLOCK = 0x20000000 };
#define MSG_NOSIGNAL 0x20000
#define MSG_CMSG_CLOEXEC 0x40000
#define SO_NOSIGPIPE 0x800
#define SO_ACCEPTFILTER 0x1000
#define SO_REUSEPORT_LB 0x10000
struct accept_filter_arg {
	char af_name[16];
	char af_arg[256 - 16];
};
struct sf_hdtr;
int accept4(int, struct sockaddr *restrict, socklen_t *restrict, int);
int sendfile(int, int, off_t, size_t, struct sf_hdtr *, off_t *, int);

#endif
