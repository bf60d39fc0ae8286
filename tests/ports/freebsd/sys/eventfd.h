#ifndef PORTS_FREEBSD_SYS_EVENTFD_H
#define PORTS_FREEBSD_SYS_EVENTFD_H
enum { EFD_NONBLOCK = 4, EFD_CLOEXEC = 0x100000 };
int eventfd(unsigned, int);

#endif
