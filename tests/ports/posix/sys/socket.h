#ifndef PORTS_SYS_SOCKET_H
#define PORTS_SYS_SOCKET_H
#include <sys/types.h>
#include <sys/uio.h>

typedef uint32_t socklen_t;
/* 4.4BSD's addresses begin with their length. */
#ifdef PORTS_SA_LEN
typedef uint8_t sa_family_t;
#define PORTS_ADDRESS(family) uint8_t PORTS_LEN(family); sa_family_t family
#define PORTS_LEN(family) PORTS_LEN_##family
#define PORTS_LEN_sa_family sa_len
#define PORTS_LEN_ss_family ss_len
#define PORTS_LEN_sin_family sin_len
#define PORTS_LEN_sin6_family sin6_len
#define PORTS_LEN_sun_family sun_len
#else
typedef uint16_t sa_family_t;
#define PORTS_ADDRESS(family) sa_family_t family
#endif

struct sockaddr {
	PORTS_ADDRESS(sa_family);
	char sa_data[14];
};
struct sockaddr_storage {
	PORTS_ADDRESS(ss_family);
	int64_t ss_rest[15];
};
struct linger {
	int l_onoff, l_linger;
};
#ifndef PORTS_IOVLEN_T
#define PORTS_IOVLEN_T int
#endif
struct msghdr {
	void *msg_name;
	socklen_t msg_namelen;
	struct iovec *msg_iov;
	PORTS_IOVLEN_T msg_iovlen;
	void *msg_control;
	socklen_t msg_controllen;
	int msg_flags;
};
struct cmsghdr {
	socklen_t cmsg_len;
	int cmsg_level, cmsg_type;
};
#define PORTS_ALIGN(n) (((n) + sizeof(int) - 1) & ~(sizeof(int) - 1))
#define CMSG_DATA(c) ((unsigned char *)((struct cmsghdr *)(uintptr_t)(c) + 1))
#define CMSG_LEN(n) ((socklen_t)(PORTS_ALIGN(sizeof(struct cmsghdr)) + (n)))
#define CMSG_SPACE(n) ((socklen_t)(PORTS_ALIGN(sizeof(struct cmsghdr)) + PORTS_ALIGN(n)))
struct cmsghdr *ports_cmsg_next(struct msghdr *, struct cmsghdr *);
#define CMSG_FIRSTHDR(m) ports_cmsg_next(m, 0)
#define CMSG_NXTHDR(m, c) ports_cmsg_next(m, c)

enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 24 };
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2 };
#define SOL_SOCKET 0xffff
#define SOMAXCONN 128
enum {
	SO_ACCEPTCONN = 2, SO_REUSEADDR = 4, SO_KEEPALIVE = 8, SO_LINGER = 0x80, SO_SNDBUF = 0x1001,
	SO_RCVBUF, SO_ERROR = 0x1007, SO_TYPE
};
enum { MSG_OOB = 1, MSG_PEEK = 2, MSG_CTRUNC = 0x20, MSG_WAITALL = 0x40 };
#define SCM_RIGHTS 1
enum { SHUT_RD, SHUT_WR, SHUT_RDWR };
int accept(int, struct sockaddr *restrict, socklen_t *restrict);
int bind(int, const struct sockaddr *, socklen_t);
int connect(int, const struct sockaddr *, socklen_t);
int getpeername(int, struct sockaddr *restrict, socklen_t *restrict);
int getsockname(int, struct sockaddr *restrict, socklen_t *restrict);
int getsockopt(int, int, int, void *restrict, socklen_t *restrict);
int listen(int, int);
ssize_t recv(int, void *, size_t, int);
ssize_t recvmsg(int, struct msghdr *, int);
ssize_t send(int, const void *, size_t, int);
ssize_t sendmsg(int, const struct msghdr *, int);
ssize_t sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
int setsockopt(int, int, int, const void *, socklen_t);
int shutdown(int, int);
int socket(int, int, int);
int socketpair(int, int, int, int[2]);

#endif
