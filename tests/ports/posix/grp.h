#ifndef PORTS_GRP_H
#define PORTS_GRP_H
#include <sys/types.h>

#ifndef PORTS_NGROUPS_T
#define PORTS_NGROUPS_T int
#endif
/* Not of POSIX, but everywhere. */
int setgroups(PORTS_NGROUPS_T, const gid_t *);

#endif
