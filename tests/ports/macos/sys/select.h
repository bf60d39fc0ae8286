#ifndef PORTS_MACOS_SYS_SELECT_H
#define PORTS_MACOS_SYS_SELECT_H
#include_next <sys/select.h>

/* Functions, and of a signed number. */
#undef FD_SET
#undef FD_CLR
#undef FD_ISSET
static inline void ports_fd_set(int fd, fd_set *set)
{
	set->fds_bits[fd / 32] |= UINT32_C(1) << fd % 32;
}
static inline void ports_fd_clr(int fd, fd_set *set)
{
	set->fds_bits[fd / 32] &= ~(UINT32_C(1) << fd % 32);
}
static inline int ports_fd_isset(int fd, const fd_set *set)
{
	return (set->fds_bits[fd / 32] & UINT32_C(1) << fd % 32) != 0;
}
#define FD_SET(n, p) ports_fd_set(n, p)
#define FD_CLR(n, p) ports_fd_clr(n, p)
#define FD_ISSET(n, p) ports_fd_isset(n, p)

#endif
