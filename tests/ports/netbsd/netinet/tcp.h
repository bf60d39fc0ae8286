#ifndef PORTS_NETBSD_NETINET_TCP_H
#define PORTS_NETBSD_NETINET_TCP_H
#include_next <netinet/tcp.h>

#define TCP_KEEPIDLE 3

#endif
