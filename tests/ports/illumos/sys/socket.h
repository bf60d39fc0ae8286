#ifndef PORTS_ILLUMOS_SYS_SOCKET_H
#define PORTS_ILLUMOS_SYS_SOCKET_H
#include_next <sys/socket.h>

#ifdef __EXTENSIONS__
enum { SOCK_CLOEXEC = 0x080000, SOCK_NONBLOCK = 0x100000 };
#define MSG_NOSIGNAL 0x200
int accept4(int, struct sockaddr *restrict, socklen_t *restrict, int);
#endif

#endif
