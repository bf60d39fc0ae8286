#ifndef PORTS_ILLUMOS_UNISTD_H
#define PORTS_ILLUMOS_UNISTD_H
#include_next <unistd.h>

#ifdef __EXTENSIONS__
int dup3(int, int, int);
int pipe2(int[2], int);
#endif

#endif
