/*
 * What did the process that started this one leave open for it, and whom does it
 * want to be told? Listening sockets come as plain numbers, or by systemd's three
 * variables, which weir uses itself where a program is replaced by its next version;
 * a channel comes by one of weir's own.
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "backend/sys.h"

/* systemd passes its descriptors in a row from this one on. */
#define FIRST_PASSED 3

static int socket_option(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, option, value, &len) == 0 ? 0 : -errno;
}

/* Where the system cannot tell whether a socket listens, it is believed. */
static int check_listens(int fd)
{
	int type = 0, listens = 0;
	int error = socket_option(fd, SO_TYPE, &type);

	if (error != 0)
		return error;
	if (type != SOCK_STREAM)
		return -EINVAL;
	error = socket_option(fd, SO_ACCEPTCONN, &listens);
	if (error == -ENOPROTOOPT)
		return 0;
	if (error == 0 && !listens)
		error = -EINVAL;
	return error;
}

int weir__sys_inherit(int fd)
{
	int error = check_listens(fd);

	if (error == 0)
		error = weir__sys_adopt(fd);
	if (error == 0)
		(void)weir__sys_nodelay(fd, true); /* as on our own; unix sockets refuse it */
	return error;
}

/* The decimal number of n octets; -1: it is none. */
static int64_t number_of(const char *text, size_t n)
{
	int64_t number = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' || number > INT32_MAX)
			return -1;
		number = number * 10 + (text[i] - '0');
	}
	return n > 0 && number <= INT32_MAX ? number : -1;
}

/* That in an environment variable; -1 without one. */
static int64_t number_in(const char *variable)
{
	const char *text = getenv(variable);

	return text != NULL ? number_of(text, strlen(text)) : -1;
}

/*
 * The place of a name in a list that is separated by colons. Without a list
 * systemd's own library calls every descriptor "unknown".
 */
static int64_t place_of(const char *name, size_t len, const char *list)
{
	if (list == NULL)
		return len == 7 && memcmp(name, "unknown", 7) == 0 ? 0 : -1;
	for (int64_t place = 0;; place++) {
		size_t n = strcspn(list, ":");

		if (n == len && memcmp(list, name, n) == 0)
			return place;
		if (list[n] == '\0')
			return -1;
		list += n + 1;
	}
}

/*
 * LISTEN_PID guards against a parent that did not clean its environment: what
 * was meant for it is none of ours.
 */
int weir__sys_inherit_named(const char *name, size_t len)
{
	if (number_in("LISTEN_PID") != weir__sys_pid())
		return -ENOENT;

	int64_t passed = number_in("LISTEN_FDS");
	int64_t place = len == 0 ? 0 : place_of(name, len, getenv("LISTEN_FDNAMES"));

	if (place < 0 || place >= passed)
		return -ENOENT;

	int fd = (int)(FIRST_PASSED + place);
	int error = weir__sys_inherit(fd);

	return error == 0 ? fd : error;
}

/* ---- by address ---------------------------------------------------------- */

/* More than any manager passes. A socket that was taken may have been closed since, and
   its number be another's. */
#define PASSED_MAX 64
static atomic_bool taken[PASSED_MAX];

static bool same_address(const struct weir__addr *a, const struct weir__addr *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == WEIR__ADDR_UNIX)
		return a->abstract == b->abstract && a->path_len == b->path_len &&
		       memcmp(a->u.path, b->u.path, a->path_len) == 0;
	return (a->port == b->port || a->port == 0) && a->scope == b->scope &&
	       memcmp(a->u.ip, b->u.ip, a->kind == WEIR__ADDR_IP4 ? 4 : 16) == 0;
}

static bool is_for(int fd, const struct weir__addr *wanted)
{
	struct weir__addr own;

	return check_listens(fd) == 0 && weir__sys_local(fd, &own) == 0 &&
	       same_address(wanted, &own);
}

int weir__sys_inherit_addr(const struct weir__addr *addr)
{
	if (number_in("LISTEN_PID") != weir__sys_pid())
		return -ENOENT;

	int64_t passed = number_in("LISTEN_FDS");

	for (int i = 0; i < passed && i < PASSED_MAX; i++) {
		int fd = FIRST_PASSED + i, error;

		if (atomic_load(&taken[i]) || !is_for(fd, addr) || atomic_exchange(&taken[i], true))
			continue;
		error = weir__sys_inherit(fd);
		return error == 0 ? fd : error;
	}
	return -ENOENT;
}

/* ---- a channel ----------------------------------------------------------- */

/* DESCRIPTOR,PROCESS: a child of the child has the variable, too, but not the number. */
int weir__sys_inherit_channel(void)
{
	static atomic_bool given;
	const char *text = getenv("WEIR_CHANNEL");
	const char *comma = text != NULL ? strchr(text, ',') : NULL;

	if (comma == NULL || number_of(comma + 1, strlen(comma + 1)) != weir__sys_pid())
		return -ENOENT;

	int64_t fd = number_of(text, (size_t)(comma - text));

	if (fd < 0 || weir__sys_is_pair((int)fd) != 0 || atomic_exchange(&given, true))
		return -ENOENT;
	return (int)fd;
}

/* ---- telling systemd ------------------------------------------------------ */

int weir__sys_notify(const char *text, size_t len)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr;
	size_t n = path != NULL ? strlen(path) : 0;

	if (n == 0)
		return 0;
	if ((*path != '/' && *path != '@') || n >= sizeof(addr.sun_path))
		return -EINVAL;
	memset(&addr, 0, sizeof(addr));
	addr.sun_family = AF_UNIX;
	memcpy(addr.sun_path, path, n);
	if (*path == '@')
		addr.sun_path[0] = '\0';

	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	int error = fd < 0 ? -errno : weir__sys_adopt(fd);

	if (error == 0 && sendto(fd, text, len, 0, (struct sockaddr *)&addr,
	                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		error = -errno;
	if (fd >= 0)
		weir__sys_close(fd);
	return error == 0 ? 1 : error;
}
