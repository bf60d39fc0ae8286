#ifndef PORTS_FREEBSD_UNISTD_H
#define PORTS_FREEBSD_UNISTD_H
#include_next <unistd.h>

int close_range(unsigned, unsigned, int);
void closefrom(int);
int dup3(int, int, int);
int getpeereid(int, uid_t *, gid_t *);
int pipe2(int[2], int);

#endif
