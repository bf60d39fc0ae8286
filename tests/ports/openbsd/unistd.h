#ifndef PORTS_OPENBSD_UNISTD_H
#define PORTS_OPENBSD_UNISTD_H
#include_next <unistd.h>

#ifdef _BSD_SOURCE
int closefrom(int);
int dup3(int, int, int);
int getpeereid(int, uid_t *, gid_t *);
int pipe2(int[2], int);
#endif

#endif
