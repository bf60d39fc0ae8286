#ifndef PORTS_ILLUMOS_SYS_EVENTFD_H
#define PORTS_ILLUMOS_SYS_EVENTFD_H
#include <stdint.h>

enum { EFD_NONBLOCK = 0x800, EFD_CLOEXEC = 0x80000 };
int eventfd(unsigned, int);

#endif
