#ifndef PORTS_SOLARIS_UNISTD_H
#define PORTS_SOLARIS_UNISTD_H
#include_next <unistd.h>

#ifdef __EXTENSIONS__
void closefrom(int);
#endif

#endif
