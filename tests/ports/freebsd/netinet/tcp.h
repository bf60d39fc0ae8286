#ifndef PORTS_FREEBSD_NETINET_TCP_H
#define PORTS_FREEBSD_NETINET_TCP_H
#include_next <netinet/tcp.h>

#define TCP_KEEPIDLE 256

#endif
