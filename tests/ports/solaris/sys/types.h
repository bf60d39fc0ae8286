#ifndef PORTS_SOLARIS_SYS_TYPES_H
#define PORTS_SOLARIS_SYS_TYPES_H
#define PORTS_TIME_T long
#define PORTS_PTHREAD_T unsigned
#include_next <sys/types.h>

#endif
