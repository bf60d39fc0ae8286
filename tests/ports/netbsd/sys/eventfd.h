#ifndef PORTS_NETBSD_SYS_EVENTFD_H
#define PORTS_NETBSD_SYS_EVENTFD_H
#if __NetBSD_Version__ < 1000000000
#error not before version 10
#endif
enum { EFD_NONBLOCK = 4, EFD_CLOEXEC = 0x400000 };
int eventfd(unsigned, int);

#endif
