#ifndef PORTS_NETINET_IN_H
#define PORTS_NETINET_IN_H
#include <sys/socket.h>

typedef uint16_t in_port_t;
typedef uint32_t in_addr_t;
struct in_addr {
	in_addr_t s_addr;
};
struct in6_addr {
	uint8_t s6_addr[16];
};
struct sockaddr_in {
	PORTS_ADDRESS(sin_family);
	in_port_t sin_port;
	struct in_addr sin_addr;
	char sin_zero[8];
};
struct sockaddr_in6 {
	PORTS_ADDRESS(sin6_family);
	in_port_t sin6_port;
	uint32_t sin6_flowinfo;
	struct in6_addr sin6_addr;
	uint32_t sin6_scope_id;
};
int ports_v4mapped(const struct in6_addr *);
#define IN6_IS_ADDR_V4MAPPED(a) ports_v4mapped(a)
enum { IPPROTO_IP = 0, IPPROTO_TCP = 6, IPPROTO_IPV6 = 41 };
#define IPV6_V6ONLY 27
uint16_t htons(uint16_t);
uint16_t ntohs(uint16_t);
uint32_t htonl(uint32_t);
uint32_t ntohl(uint32_t);

#endif
