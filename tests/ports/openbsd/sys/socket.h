#ifndef PORTS_OPENBSD_SYS_SOCKET_H
#define PORTS_OPENBSD_SYS_SOCKET_H
#define PORTS_IOVLEN_T unsigned
#include_next <sys/socket.h>

#define MSG_NOSIGNAL 0x400
#define MSG_CMSG_CLOEXEC 0x800
#ifdef _BSD_SOURCE
enum { SOCK_NONBLOCK = 0x4000, SOCK_CLOEXEC = 0x8000 };
#define SO_PEERCRED 0x1022
struct sockpeercred {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};
int accept4(int, struct sockaddr *restrict, socklen_t *restrict, int);
#endif

#endif
