#ifndef PORTS_NETBSD_UNISTD_H
#define PORTS_NETBSD_UNISTD_H
#include_next <unistd.h>

#ifdef _NETBSD_SOURCE
int closefrom(int);
int dup3(int, int, int);
int getpeereid(int, uid_t *, gid_t *);
int pipe2(int *, int);
#endif

#endif
