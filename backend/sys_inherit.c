/*
 * Which listening sockets did the process that started this one leave open for
 * it? They come as plain numbers, or with names by systemd's three variables.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

/* The decimal number in an environment variable; -1 without one. */
static int64_t number_in(const char *variable)
{
	const char *text = getenv(variable);
	int64_t number = 0;

	if (text == NULL || *text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || number > INT32_MAX)
			return -1;
		number = number * 10 + (*text - '0');
	}
	return number;
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
