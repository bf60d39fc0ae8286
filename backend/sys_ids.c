/*
 * Whose process is at the other end of a unix socket? The kernel remembers who connected,
 * who listened or who made the pair; what became of that process since it does not tell.
 *
 *   SO_PEERCRED    Linux and, with another name of the structure, OpenBSD: all three numbers
 *   getpeerucred   Solaris: all three
 *   getpeereid     the other BSDs and Darwin: user and group. The process is told by an option
 *                  of NetBSD's and one of Darwin's
 */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>
#if HAVE_GETPEERUCRED && !HAVE_SO_PEERCRED
#include <ucred.h>
#endif

#include "backend/sys.h"

#if HAVE_SO_PEERCRED
static int ask(int fd, int64_t *uid, int64_t *gid, int64_t *pid)
{
#ifdef __OpenBSD__
	struct sockpeercred peer;
#else
	struct ucred peer;
#endif
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return -errno;
	*uid = peer.uid;
	*gid = peer.gid;
	*pid = peer.pid;
	return 0;
}
#elif HAVE_GETPEERUCRED
static int ask(int fd, int64_t *uid, int64_t *gid, int64_t *pid)
{
	ucred_t *peer = NULL;

	if (getpeerucred(fd, &peer) != 0)
		return -errno;
	*uid = ucred_geteuid(peer);
	*gid = ucred_getegid(peer);
	*pid = ucred_getpid(peer);
	ucred_free(peer);
	return 0;
}
#elif HAVE_GETPEEREID
static pid_t process_of(int fd)
{
	pid_t pid = -1;
#if defined(LOCAL_PEERPID)
	socklen_t len = sizeof(pid);

	if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &len) != 0)
		pid = -1;
#elif defined(LOCAL_PEEREID)
	struct unpcbid peer;
	socklen_t len = sizeof(peer);

	/* 0 is the level of the unix domain, which has no name on older ones. */
	if (getsockopt(fd, 0, LOCAL_PEEREID, &peer, &len) == 0)
		pid = peer.unp_pid;
#else
	(void)fd;
#endif
	return pid;
}

static int ask(int fd, int64_t *uid, int64_t *gid, int64_t *pid)
{
	uid_t user;
	gid_t group;

	if (getpeereid(fd, &user, &group) != 0)
		return -errno;
	*uid = user;
	*gid = group;
	*pid = process_of(fd);
	return 0;
}
#else
static int ask(int fd, int64_t *uid, int64_t *gid, int64_t *pid)
{
	(void)fd;
	(void)uid;
	(void)gid;
	(void)pid;
	return -ENOTSUP;
}
#endif

/* Asked first, because Linux has an answer for any socket. */
int weir__sys_peer_ids(int fd, int64_t *uid, int64_t *gid, int64_t *pid)
{
	struct weir__addr own;
	int error = weir__sys_local(fd, &own);

	if (error == 0)
		error = own.kind == WEIR__ADDR_UNIX ? ask(fd, uid, gid, pid) : -ENOTSUP;
	/* 0: it is in a world of processes that this one does not see. */
	if (error == 0 && *pid <= 0)
		*pid = -1;
	return error;
}
