#ifndef PORTS_MACOS_SYS_UN_H
#define PORTS_MACOS_SYS_UN_H
#include_next <sys/un.h>

#define SOL_LOCAL 0
#define LOCAL_PEERCRED 1
#define LOCAL_PEERPID 2

#endif
