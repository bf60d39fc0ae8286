#ifndef PORTS_SOLARIS_SYS_RESOURCE_H
#define PORTS_SOLARIS_SYS_RESOURCE_H
#define PORTS_RLIM_T unsigned long
#include_next <sys/resource.h>

#endif
