#ifndef PORTS_SYS_TYPES_H
#define PORTS_SYS_TYPES_H
#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;
typedef int pid_t;
typedef unsigned uid_t;
typedef unsigned gid_t;
typedef unsigned mode_t;
typedef unsigned long nlink_t;
typedef unsigned long ino_t;
typedef unsigned long dev_t;
typedef int64_t off_t;
typedef long blksize_t;
typedef int64_t blkcnt_t;
#ifndef PORTS_TIME_T
#define PORTS_TIME_T int64_t
#endif
typedef PORTS_TIME_T time_t;
typedef long suseconds_t;
typedef int clockid_t;
#ifndef PORTS_PTHREAD_T
#define PORTS_PTHREAD_T struct ports_thread *
#endif
typedef PORTS_PTHREAD_T pthread_t;

#endif
