#ifndef PORTS_SOLARIS_POLL_H
#define PORTS_SOLARIS_POLL_H
#define PORTS_NFDS_T unsigned long
#include_next <poll.h>

#define POLLREMOVE 0x0800

#endif
