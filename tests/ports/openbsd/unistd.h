#ifndef PORTS_OPENBSD_UNISTD_H
#define PORTS_OPENBSD_UNISTD_H
#include_next <unistd.h>

/* There is no sigtimedwait. */
#define _POSIX_REALTIME_SIGNALS (-1)
#ifdef _BSD_SOURCE
int closefrom(int);
int dup3(int, int, int);
int getpeereid(int, uid_t *, gid_t *);
int pipe2(int[2], int);
#endif

#endif
