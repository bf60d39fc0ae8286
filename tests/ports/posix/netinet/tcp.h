#ifndef PORTS_NETINET_TCP_H
#define PORTS_NETINET_TCP_H
#define TCP_NODELAY 1

#endif
