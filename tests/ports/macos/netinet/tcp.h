#ifndef PORTS_MACOS_NETINET_TCP_H
#define PORTS_MACOS_NETINET_TCP_H
#include_next <netinet/tcp.h>

#define TCP_KEEPALIVE 0x10

#endif
