/*
 * How are connections made, taken and ended: stream sockets of IPv4, IPv6 and
 * the unix domain, behind one kind of address.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/sys.h"

/*
 * Any address as the kernel wants it. A union, because reading one struct
 * through a pointer to another is not C.
 */
struct name {
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	} u;
};

#define PATH_AT offsetof(struct sockaddr_un, sun_path)

/* ---- addresses ---- */

static int name_ip4(struct name *name, const struct weir__addr *addr)
{
	name->len = sizeof(name->u.ip4);
	name->u.ip4.sin_family = AF_INET;
	name->u.ip4.sin_port = htons(addr->port);
	memcpy(&name->u.ip4.sin_addr, addr->u.ip, 4);
	return 0;
}

static int name_ip6(struct name *name, const struct weir__addr *addr)
{
	name->len = sizeof(name->u.ip6);
	name->u.ip6.sin6_family = AF_INET6;
	name->u.ip6.sin6_port = htons(addr->port);
	name->u.ip6.sin6_scope_id = addr->scope;
	memcpy(&name->u.ip6.sin6_addr, addr->u.ip, 16);
	return 0;
}

/*
 * The length counts for an abstract name: its octets may be zeroes and none
 * follows it. An empty name would make Linux choose one.
 */
static int name_unix(struct name *name, const struct weir__addr *addr)
{
	size_t lead = addr->abstract ? 1 : 0;
	size_t len = addr->path_len;

#ifndef __linux__
	if (addr->abstract)
		return -EAFNOSUPPORT;
#endif
	if (len == 0 || (!addr->abstract && memchr(addr->u.path, 0, len) != NULL))
		return -EINVAL;
	if (len >= sizeof(name->u.un.sun_path))
		return -ENAMETOOLONG;
	name->u.un.sun_family = AF_UNIX;
	memcpy(name->u.un.sun_path + lead, addr->u.path, len);
	name->len = (socklen_t)(PATH_AT + len + 1);
	return 0;
}

static int to_name(struct name *name, const struct weir__addr *addr)
{
	int error = -EAFNOSUPPORT;

	memset(name, 0, sizeof(*name));
	switch (addr->kind) {
	case WEIR__ADDR_IP4:
		error = name_ip4(name, addr);
		break;
	case WEIR__ADDR_IP6:
		error = name_ip6(name, addr);
		break;
	case WEIR__ADDR_UNIX:
		error = name_unix(name, addr);
		break;
	}
#if HAVE_SA_LEN
	name->u.any.sa_len = (uint8_t)name->len;
#endif
	return error;
}

static void from_ip4(struct weir__addr *addr, const struct name *name)
{
	addr->kind = WEIR__ADDR_IP4;
	addr->port = ntohs(name->u.ip4.sin_port);
	memcpy(addr->u.ip, &name->u.ip4.sin_addr, 4);
}

/*
 * An IPv4 peer of a socket that takes both is an IPv4 peer: counted by peer,
 * all of them would else share one network.
 */
static void from_ip6(struct weir__addr *addr, const struct name *name)
{
	const struct in6_addr *ip = &name->u.ip6.sin6_addr;

	addr->port = ntohs(name->u.ip6.sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		addr->kind = WEIR__ADDR_IP4;
		memcpy(addr->u.ip, (const uint8_t *)ip + 12, 4);
		return;
	}
	addr->kind = WEIR__ADDR_IP6;
	addr->scope = name->u.ip6.sin6_scope_id;
	memcpy(addr->u.ip, ip, 16);
}

/* The kernel's length may count the terminating zero or not. */
static void from_unix(struct weir__addr *addr, const struct name *name)
{
	const char *path = name->u.un.sun_path;
	size_t len = name->len > PATH_AT ? name->len - PATH_AT : 0;

	if (len > sizeof(name->u.un.sun_path))
		len = sizeof(name->u.un.sun_path);
	addr->kind = WEIR__ADDR_UNIX;
#ifdef __linux__
	addr->abstract = len > 1 && path[0] == '\0';
#endif
	if (addr->abstract) {
		path++;
		len--;
	} else {
		const char *end = len > 0 ? memchr(path, 0, len) : NULL;

		len = end != NULL ? (size_t)(end - path) : len;
	}
	if (len >= sizeof(addr->u.path))
		len = sizeof(addr->u.path) - 1;
	memcpy(addr->u.path, path, len);
	addr->path_len = (uint8_t)len;
}

/* Darwin gives no address at all (len 0) for a peer that has left already. */
static void from_name(struct weir__addr *addr, const struct name *name)
{
	memset(addr, 0, sizeof(*addr));
	if (name->len < PATH_AT)
		return;
	if (name->u.any.sa_family == AF_INET)
		from_ip4(addr, name);
	else if (name->u.any.sa_family == AF_INET6)
		from_ip6(addr, name);
	else if (name->u.any.sa_family == AF_UNIX)
		from_unix(addr, name);
}

static bool is_path(const struct weir__addr *addr)
{
	return addr->kind == WEIR__ADDR_UNIX && !addr->abstract;
}

/* ---- making sockets ---- */

/* A descriptor that plain socket or accept made; closed when it cannot be used. */
#if !HAVE_SOCK_FLAGS || !HAVE_ACCEPT4 || (HAVE_SO_NOSIGPIPE && !HAVE_MSG_NOSIGNAL)
static int adopted(int fd)
{
	int error = weir__sys_adopt(fd);

	if (error == 0)
		return fd;
	weir__sys_close(fd);
	return error;
}
#endif

static int stream_socket(int family)
{
#if HAVE_SOCK_FLAGS
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
	int fd = socket(family, SOCK_STREAM, 0);
#endif
	if (fd < 0)
		return -errno;
#if !HAVE_SOCK_FLAGS || (HAVE_SO_NOSIGPIPE && !HAVE_MSG_NOSIGNAL)
	fd = adopted(fd);
#endif
	return fd;
}

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* ---- listening ---- */

/* FreeBSD's SO_REUSEPORT shares the port but gives all to the newest. */
static int share_port(int fd, const struct weir__addr *addr)
{
	if (addr->kind == WEIR__ADDR_UNIX)
		return -ENOTSUP;
#if HAVE_SO_REUSEPORT && defined(SO_REUSEPORT_LB)
	return set_option(fd, SOL_SOCKET, SO_REUSEPORT_LB, 1);
#elif HAVE_SO_REUSEPORT
	return set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
#else
	(void)fd;
	return -ENOTSUP;
#endif
}

/*
 * Set either way, as the default is the administrator's. OpenBSD knows no
 * socket that takes both and refuses to switch it off: that is no failure.
 */
static int set_v6_only(int fd, bool on)
{
	int error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, on);

	return on ? error : 0;
}

static int prepare_listener(int fd, const struct weir__addr *addr,
                            const struct weir__listen_how *how)
{
	int error = 0;

	if (how->reuse_port)
		error = share_port(fd, addr);
	if (error != 0 || addr->kind == WEIR__ADDR_UNIX)
		return error;
	error = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (error == 0 && addr->kind == WEIR__ADDR_IP6)
		error = set_v6_only(fd, how->v6_only);
	if (error == 0)
		error = weir__sys_nodelay(fd, true);
	return error;
}

static int bind_name(int fd, const struct name *name)
{
	return bind(fd, &name->u.any, name->len) == 0 ? 0 : -errno;
}

/*
 * A path outlives its socket. Nobody listens there any more if it is a socket
 * (Linux refuses connections to plain files in the same words) and refuses.
 */
static bool is_stale(const struct name *name)
{
	struct stat st;
	bool refused;

	if (lstat(name->u.un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;

	int fd = stream_socket(AF_UNIX);

	if (fd < 0)
		return false;
	refused = connect(fd, &name->u.any, name->len) != 0 && errno == ECONNREFUSED;
	weir__sys_close(fd);
	return refused;
}

static int bind_path(int fd, const struct name *name)
{
	int error = bind_name(fd, name);

	if (error != -EADDRINUSE || !is_stale(name))
		return error;
	if (unlink(name->u.un.sun_path) != 0 && errno != ENOENT)
		return -errno;
	return bind_name(fd, name);
}

/* Linux cuts this down to what the administrator allows; musl's own is 128. */
static int backlog_of(const struct weir__listen_how *how)
{
	if (how->backlog > 0)
		return how->backlog;
#if defined(__linux__) && SOMAXCONN < 4096
	return 4096;
#else
	return SOMAXCONN;
#endif
}

/*
 * What cannot wait is accepted at once, and nobody can rely on either: so failures are
 * none. FreeBSD and NetBSD have the filter in a module, which may not be there.
 */
static void defer(int fd, const struct weir__addr *addr, int seconds)
{
	if (seconds <= 0 || addr->kind == WEIR__ADDR_UNIX)
		return;
#if HAVE_TCP_DEFER_ACCEPT
	(void)set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds);
#elif HAVE_SO_ACCEPTFILTER
	const struct accept_filter_arg filter = {.af_name = "dataready"};

	(void)setsockopt(fd, SOL_SOCKET, SO_ACCEPTFILTER, &filter, sizeof(filter));
#else
	(void)fd;
#endif
}

static int bind_and_listen(int fd, const struct weir__addr *addr, const struct name *name,
                           const struct weir__listen_how *how)
{
	int error = is_path(addr) ? bind_path(fd, name) : bind_name(fd, name);

	if (error != 0)
		return error;
	if (listen(fd, backlog_of(how)) == 0) {
		/* Behind it, since filters are for sockets that listen. */
		defer(fd, addr, how->defer_s);
		return 0;
	}
	error = -errno;
	weir__sys_unlisten(addr);
	return error;
}

int weir__sys_listen(const struct weir__addr *addr, const struct weir__listen_how *how)
{
	struct name name;
	int error = to_name(&name, addr);

	if (error != 0)
		return error;

	int fd = stream_socket(name.u.any.sa_family);

	if (fd < 0)
		return fd;
	error = prepare_listener(fd, addr, how);
	if (error == 0)
		error = bind_and_listen(fd, addr, &name, how);
	if (error == 0)
		return fd;
	weir__sys_close(fd);
	return error;
}

void weir__sys_unlisten(const struct weir__addr *addr)
{
	struct name name;

	if (is_path(addr) && to_name(&name, addr) == 0)
		(void)unlink(name.u.un.sun_path);
}

/* ---- taking connections ---- */

static int accept_once(int fd, struct name *name)
{
	int taken;

	name->len = sizeof(name->u);
	do
#if HAVE_ACCEPT4
		taken = accept4(fd, &name->u.any, &name->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
		taken = accept(fd, &name->u.any, &name->len);
#endif
	while (taken < 0 && errno == EINTR);
	return taken < 0 ? -errno : taken;
}

/* Linux hands out the errors that waited on the new connection itself. */
static bool died_in_queue(int error)
{
	switch (-error) {
	case ECONNABORTED:
	case EPROTO:
#ifdef __linux__
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
#endif
		return true;
	default:
		return false;
	}
}

int weir__sys_accept(int fd, struct weir__addr *peer)
{
	struct name name;
	int taken = accept_once(fd, &name);

	if (taken < 0)
		return died_in_queue(taken) ? -ECONNABORTED : taken;
#if !HAVE_ACCEPT4 || (HAVE_SO_NOSIGPIPE && !HAVE_MSG_NOSIGNAL)
	taken = adopted(taken);
	if (taken < 0)
		return taken;
#endif
#ifdef __sun
	/* Linux and the BSDs inherit it; of Solaris not every version does. */
	if (name.u.any.sa_family != AF_UNIX)
		(void)weir__sys_nodelay(taken, true);
#endif
	if (peer != NULL)
		from_name(peer, &name);
	return taken;
}

/* ---- making connections ---- */

/*
 * Interrupted, a connect goes on by itself. A unix socket whose queue is full
 * will never become writable: that is a refusal.
 */
static int connect_name(int fd, const struct name *name, bool *pending)
{
	if (connect(fd, &name->u.any, name->len) == 0)
		return 0;
	*pending = errno == EINPROGRESS || errno == EINTR;
	if (*pending)
		return 0;
	if (errno == EAGAIN && name->u.any.sa_family == AF_UNIX)
		return -ECONNREFUSED;
	return -errno;
}

int weir__sys_connect(const struct weir__addr *addr, bool *pending, int *result)
{
	struct name name;
	int error = to_name(&name, addr);

	*pending = false;
	*result = 0;
	if (error != 0)
		return error;

	int fd = stream_socket(name.u.any.sa_family);

	if (fd >= 0)
		*result = connect_name(fd, &name, pending);
	return fd;
}

/* Solaris returns the waiting error as getsockopt's own. */
int weir__sys_connect_result(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return -errno;
	return -error;
}

/* ---- living with connections ---- */

int weir__sys_shutdown(int fd)
{
	return shutdown(fd, SHUT_WR) == 0 ? 0 : -errno;
}

void weir__sys_reset_on_close(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

int weir__sys_local(int fd, struct weir__addr *addr)
{
	struct name name = {.len = sizeof(name.u)};

	if (getsockname(fd, &name.u.any, &name.len) != 0)
		return -errno;
	from_name(addr, &name);
	return 0;
}

int weir__sys_remote(int fd, struct weir__addr *addr)
{
	struct name name = {.len = sizeof(name.u)};

	if (getpeername(fd, &name.u.any, &name.len) != 0)
		return -errno;
	from_name(addr, &name);
	return 0;
}

int weir__sys_nodelay(int fd, bool on)
{
	return set_option(fd, IPPROTO_TCP, TCP_NODELAY, on);
}

/* OpenBSD has the silence only as a setting of the whole system. */
int weir__sys_keepalive(int fd, int seconds)
{
	if (seconds < 0)
		return -EINVAL;

	int error = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0);

	if (error != 0 || seconds == 0)
		return error;
#if defined(TCP_KEEPIDLE)
	return set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
#elif defined(TCP_KEEPALIVE)
	return set_option(fd, IPPROTO_TCP, TCP_KEEPALIVE, seconds);
#else
	return 0;
#endif
}

int weir__sys_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (p.revents & POLLNVAL)
		return -EBADF;
	return n > 0;
}
