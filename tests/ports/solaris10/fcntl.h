#ifndef PORTS_SOLARIS10_FCNTL_H
#define PORTS_SOLARIS10_FCNTL_H
/* These came with Solaris 11. */
#define PORTS_NO_CLOEXEC
#include_next <fcntl.h>

#endif
