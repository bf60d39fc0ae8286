#ifndef PORTS_SOLARIS_SYS_SELECT_H
#define PORTS_SOLARIS_SYS_SELECT_H
#include <sys/time.h>
#include <time.h>

#if __SIZEOF_LONG__ == 8
#define FD_SETSIZE 65536
#else
#define FD_SETSIZE 1024
#endif
#define PORTS_WORD (8 * sizeof(long))
typedef struct {
	long fds_bits[FD_SETSIZE / PORTS_WORD];
} fd_set;
#define FD_SET(n, p) ((p)->fds_bits[(n) / PORTS_WORD] |= (long)(1UL << (n) % PORTS_WORD))
#define FD_CLR(n, p) ((p)->fds_bits[(n) / PORTS_WORD] &= (long)~(1UL << (n) % PORTS_WORD))
#define FD_ISSET(n, p) (((p)->fds_bits[(n) / PORTS_WORD] & (long)(1UL << (n) % PORTS_WORD)) != 0)
int select(int, fd_set *restrict, fd_set *restrict, fd_set *restrict, struct timeval *restrict);

#endif
