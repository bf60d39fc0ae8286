#ifndef PORTS_SYS_RESOURCE_H
#define PORTS_SYS_RESOURCE_H
#include <sys/types.h>

#ifndef PORTS_RLIM_T
#define PORTS_RLIM_T uint64_t
#endif
typedef PORTS_RLIM_T rlim_t;
struct rlimit {
	rlim_t rlim_cur, rlim_max;
};
#define RLIMIT_NOFILE 8
#define RLIM_INFINITY ((rlim_t)-1)
int getrlimit(int, struct rlimit *);
int setrlimit(int, const struct rlimit *);

#endif
