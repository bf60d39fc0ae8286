#ifndef PORTS_NETBSD_SYS_UN_H
#define PORTS_NETBSD_SYS_UN_H
#include_next <sys/un.h>

#define LOCAL_PEEREID 3

struct unpcbid {
	pid_t unp_pid;
	uid_t unp_euid;
	gid_t unp_egid;
};

#endif
