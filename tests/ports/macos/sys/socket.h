#ifndef PORTS_MACOS_SYS_SOCKET_H
#define PORTS_MACOS_SYS_SOCKET_H
#include_next <sys/socket.h>

#ifdef _DARWIN_C_SOURCE
/* Of late; not to be relied upon. */
#define MSG_NOSIGNAL 0x80000
#define SO_NOSIGPIPE 0x1022
struct sf_hdtr;
int sendfile(int, int, off_t, off_t *, struct sf_hdtr *, int);
#endif

#endif
