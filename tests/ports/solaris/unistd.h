#ifndef PORTS_SOLARIS_UNISTD_H
#define PORTS_SOLARIS_UNISTD_H
#include_next <unistd.h>

#define _POSIX_REALTIME_SIGNALS 1
#ifdef __EXTENSIONS__
void closefrom(int);
#endif

#endif
