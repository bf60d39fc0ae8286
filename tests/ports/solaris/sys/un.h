#ifndef PORTS_SOLARIS_SYS_UN_H
#define PORTS_SOLARIS_SYS_UN_H
#define PORTS_SUN_PATH 108
#include_next <sys/un.h>

#endif
