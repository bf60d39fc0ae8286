#ifndef PORTS_BSD_SYS_SOCKET_H
#define PORTS_BSD_SYS_SOCKET_H
#define PORTS_SA_LEN
#include_next <sys/socket.h>

#define MSG_DONTWAIT 0x80
#define SO_REUSEPORT 0x200

#endif
