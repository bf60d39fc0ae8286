#ifndef PORTS_NETBSD_SYS_SOCKET_H
#define PORTS_NETBSD_SYS_SOCKET_H
#include_next <sys/socket.h>

#ifdef _NETBSD_SOURCE
enum { SOCK_CLOEXEC = 0x10000000, SOCK_NONBLOCK = 0x20000000, SOCK_NOSIGPIPE = 0x40000000 };
#define MSG_NOSIGNAL 0x400
#define MSG_CMSG_CLOEXEC 0x800
#define SO_NOSIGPIPE 0x800
#define SO_ACCEPTFILTER 0x1000
struct accept_filter_arg {
	char af_name[16];
	char af_arg[256 - 16];
};
int accept4(int, struct sockaddr *, socklen_t *, int);
#endif

#endif
