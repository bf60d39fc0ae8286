/*
 * Which uses does the strict kqueue stand-in end, and which does it let pass?  Performs the one
 * that is named as argument and prints "passed" if it is still there.
 */
#define _GNU_SOURCE
#include <sys/event.h>
#include <sys/wait.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef STANDIN_NETBSD
typedef uint32_t flags_type;
#define NO_UDATA 0
#else
typedef unsigned short flags_type;
#define NO_UDATA NULL
#endif

static int queue;
static int ends[2];

static void change(int fd, flags_type flags)
{
	struct kevent one;

	EV_SET(&one, (uintptr_t)fd, EVFILT_READ, flags, 0, 0, NO_UDATA);
	(void)kevent(queue, &one, 1, NULL, 0, NULL);
}

/* The child has no kqueue, and so no knotes. */
static void close_in_child(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		close(ends[0]);
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (status != 0)
		_exit(1);
}

static void perform(const char *use)
{
	change(ends[0], EV_ADD);
	if (strcmp(use, "add-after-close") == 0) {
		close(ends[1]);
		change(ends[1], EV_ADD);
	} else if (strcmp(use, "delete-after-close") == 0) {
		close(ends[0]);
		change(ends[0], EV_DELETE);
	} else if (strcmp(use, "close-with-knote") == 0) {
		close(ends[0]);
	} else if (strcmp(use, "delete-twice") == 0) {
		change(ends[0], EV_DELETE);
		change(ends[0], EV_DELETE);
	} else if (strcmp(use, "close-kqueue-with-knote") == 0) {
		close(queue);
	} else if (strcmp(use, "delete-and-close") == 0) {
		change(ends[0], EV_DELETE);
		close(ends[0]);
	} else if (strcmp(use, "close-in-child") == 0) {
		close_in_child();
	}
}

int main(int argc, char **argv)
{
	queue = kqueue();
	if (argc != 2 || queue < 0 || pipe(ends) < 0)
		return 1;
	perform(argv[1]);
	puts("passed");
	return 0;
}
