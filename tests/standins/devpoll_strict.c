/*
 * Which uses does the strict /dev/poll stand-in end, and which does it let pass?  Performs the one
 * that is named as argument and prints "passed" if it is still there.
 */
#define _GNU_SOURCE
#include <sys/devpoll.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int device;
static int ends[2];

static void change(int fd, int events)
{
	struct pollfd one;

	memset(&one, 0, sizeof one);
	one.fd = fd;
	one.events = (short)events;
	(void)!write(device, &one, sizeof one);
}

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

/* An entry made before the descriptor was opened is as stale as one left behind by a close. */
static void add_over_stale_entry(void)
{
	int number = ends[1] + 20;

	change(number, POLLIN);
	if (dup2(ends[0], number) == number)
		change(number, POLLIN);
}

static void perform(const char *use)
{
	if (strcmp(use, "close-with-entry") == 0) {
		close(ends[0]);
	} else if (strcmp(use, "remove-and-close") == 0) {
		change(ends[0], POLLREMOVE);
		close(ends[0]);
	} else if (strcmp(use, "fewer-events") == 0) {
		change(ends[0], POLLIN | POLLOUT);
		change(ends[0], POLLIN);
	} else if (strcmp(use, "more-events") == 0) {
		change(ends[0], POLLOUT);
		change(ends[0], POLLIN | POLLOUT);
	} else if (strcmp(use, "fewer-events-after-removal") == 0) {
		change(ends[0], POLLIN | POLLOUT);
		change(ends[0], POLLREMOVE);
		change(ends[0], POLLIN);
	} else if (strcmp(use, "remove-among-other-bits") == 0) {
		change(ends[0], POLLREMOVE | POLLIN);
	} else if (strcmp(use, "remove-among-old-bits") == 0) {
		change(ends[0], POLLIN | POLLOUT);
		change(ends[0], POLLREMOVE | POLLOUT);
	} else if (strcmp(use, "exchanged-events") == 0) {
		/* With one bit of the old, and one missing. */
		change(ends[0], POLLIN | POLLOUT);
		change(ends[0], POLLOUT | POLLPRI);
	} else if (strcmp(use, "exchanged-events-after-removal") == 0) {
		change(ends[0], POLLREMOVE);
		change(ends[0], POLLOUT);
	} else if (strcmp(use, "remove-unknown") == 0) {
		change(ends[1], POLLREMOVE);
	} else if (strcmp(use, "close-without-entry") == 0) {
		close(ends[1]);
	} else if (strcmp(use, "out-of-range") == 0) {
		change(-1, POLLIN);
	} else if (strcmp(use, "add-over-stale-entry") == 0) {
		add_over_stale_entry();
	} else if (strcmp(use, "close-in-child") == 0) {
		close_in_child();
	}
}

int main(int argc, char **argv)
{
	device = open("/dev/poll", O_RDWR);
	if (argc != 2 || device < 0 || pipe(ends) < 0)
		return 1;
	change(ends[0], POLLIN);
	perform(argv[1]);
	puts("passed");
	return 0;
}
