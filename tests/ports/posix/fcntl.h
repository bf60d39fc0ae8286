#ifndef PORTS_FCNTL_H
#define PORTS_FCNTL_H
#include <sys/types.h>

enum { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK = 4, O_APPEND = 8, O_CREAT = 0x200, O_TRUNC = 0x400 };
enum { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL };
#ifndef PORTS_NO_CLOEXEC
#define O_CLOEXEC 0x100000
#define F_DUPFD_CLOEXEC 17
#endif
#define FD_CLOEXEC 1
int fcntl(int, int, ...);
int open(const char *, int, ...);

#endif
