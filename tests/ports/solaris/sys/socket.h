#ifndef PORTS_SOLARIS_SYS_SOCKET_H
#define PORTS_SOLARIS_SYS_SOCKET_H
/* Otherwise struct msghdr has no place for descriptors. */
#if !defined _XOPEN_SOURCE || _XOPEN_SOURCE < 500
#error ask for _XOPEN_SOURCE
#endif
#include_next <sys/socket.h>

#define MSG_DONTWAIT 0x80

#endif
