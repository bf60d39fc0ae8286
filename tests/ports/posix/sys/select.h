#ifndef PORTS_SYS_SELECT_H
#define PORTS_SYS_SELECT_H
#include <sys/time.h>
#include <time.h>

/* Words of 32 bits, as on the BSDs; Linux has longs. */
#define FD_SETSIZE 1024
typedef struct {
	uint32_t fds_bits[FD_SETSIZE / 32];
} fd_set;
#define FD_SET(n, p) ((p)->fds_bits[(n) / 32] |= UINT32_C(1) << (n) % 32)
#define FD_CLR(n, p) ((p)->fds_bits[(n) / 32] &= ~(UINT32_C(1) << (n) % 32))
#define FD_ISSET(n, p) (((p)->fds_bits[(n) / 32] & UINT32_C(1) << (n) % 32) != 0)
int select(int, fd_set *restrict, fd_set *restrict, fd_set *restrict, struct timeval *restrict);

#endif
