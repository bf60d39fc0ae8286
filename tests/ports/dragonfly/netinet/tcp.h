#ifndef PORTS_DRAGONFLY_NETINET_TCP_H
#define PORTS_DRAGONFLY_NETINET_TCP_H
#include_next <netinet/tcp.h>

#define TCP_KEEPIDLE 0x10

#endif
