#ifndef PORTS_MACOS_UNISTD_H
#define PORTS_MACOS_UNISTD_H
#include_next <unistd.h>

#ifdef _DARWIN_C_SOURCE
int getpeereid(int, uid_t *, gid_t *);
#endif

#endif
