/*
 * How does /dev/poll behave, as a program sees it?  Prints one fact a line, the same at every run,
 * so that the answers of a kernel and those of the stand-in can be compared.  The results of one
 * call are sorted by the order in which the descriptors were opened.
 *
 * Needs nothing but the device and sockets: a porter compiles it alone, on the system in question
 * (with -lsocket -lnsl).
 */
#if !defined(__sun)
#define _GNU_SOURCE /* beyond Solaris this is the stand-in, on Linux */
#endif
#include <sys/types.h>
#include <sys/devpoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOT_OPEN 200
#define RESULTS 16
#define UNTOUCHED 0x5a5a

static int device;
static struct pollfd results[RESULTS];

/* --- saying ---------------------------------------------------------------------------------- */

static const char *error_name(int error)
{
	switch (error) {
	case 0:
		return "ok";
	case EACCES:
		return "EACCES";
	case EBADF:
		return "EBADF";
	case EINTR:
		return "EINTR";
	case EINVAL:
		return "EINVAL";
	default:
		return "another error";
	}
}

static void print_bits(short bits)
{
	static const struct {
		short bit;
		const char *name;
	} names[] = {{POLLIN, "IN"},   {POLLOUT, "OUT"},   {POLLERR, "ERR"},
	             {POLLHUP, "HUP"}, {POLLNVAL, "NVAL"}, {POLLREMOVE, "REMOVE"}};
	const char *between = "";

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if ((bits & names[i].bit) == 0)
			continue;
		printf("%s%s", between, names[i].name);
		between = "|";
	}
	if (*between == '\0')
		printf("0");
}

static int by_descriptor(const void *a, const void *b)
{
	return ((const struct pollfd *)a)->fd - ((const struct pollfd *)b)->fd;
}

/* `count` is what the DP_POLL returned. */
static void say(const char *fact, int count)
{
	printf("%s: %s", fact, count < 0 ? error_name(errno) : count == 0 ? "nothing" : "");
	if (count > 1)
		qsort(results, (size_t)count, sizeof results[0], by_descriptor);
	for (int i = 0; i < count; i++) {
		printf("%s", i > 0 ? ", " : "");
		print_bits(results[i].revents);
	}
	printf("\n");
}

static void say_result(const char *fact, long result)
{
	printf("%s: %s\n", fact, error_name(result < 0 ? errno : 0));
}

static void say_truth(const char *fact, int truth)
{
	printf("%s: %s\n", fact, truth ? "yes" : "no");
}

/* --- doing ----------------------------------------------------------------------------------- */

static long write_change(int fd, int events)
{
	struct pollfd change;

	memset(&change, 0, sizeof change);
	change.fd = fd;
	change.events = (short)events;
	return (long)write(device, &change, sizeof change);
}

static int ask(nfds_t most, int timeout)
{
	struct dvpoll request;

	memset(results, 0, sizeof results);
	for (int i = 0; i < RESULTS; i++)
		results[i].events = UNTOUCHED;
	memset(&request, 0, sizeof request);
	request.dp_fds = results;
	request.dp_nfds = most;
	request.dp_timeout = timeout;
	return ioctl(device, DP_POLL, &request);
}

static void fact(const char *name)
{
	int count = ask(RESULTS, 0);

	say(name, count);
}

static void say_polled(const char *name, int fd)
{
	struct pollfd asked;
	int result;

	memset(&asked, 0, sizeof asked);
	asked.fd = fd;
	result = ioctl(device, DP_ISPOLLED, &asked);
	printf("%s: ", name);
	if (result == 1)
		print_bits(asked.revents);
	else
		printf("%s", result == 0 ? "not in the set" : error_name(errno));
	printf("\n");
}

static void open_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
		perror("socketpair");
		exit(1);
	}
}

static void close_both(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void send_octet(int fd)
{
	if (write(fd, "x", 1) != 1)
		perror("write");
}

static void receive_octet(int fd)
{
	char octet;

	if (read(fd, &octet, 1) != 1)
		perror("read");
}

static int open_device(void)
{
	int fd = open("/dev/poll", O_RDWR);

	if (fd < 0) {
		perror("/dev/poll");
		exit(1);
	}
	return fd;
}

/* An entry left behind by a close, and its removal before the number is used again. */
static void start_anew(void)
{
	close(device);
	device = open_device();
}

/* --- the facts ------------------------------------------------------------------------------- */

static void levels(void)
{
	int ends[2];

	open_pair(ends);
	fact("empty set");
	say_polled("empty set, DP_ISPOLLED", ends[0]);
	say_truth("write() takes what it is given",
	          write_change(ends[0], POLLIN) == (long)sizeof(struct pollfd));
	say_polled("IN added, DP_ISPOLLED", ends[0]);
	fact("IN, no data");
	send_octet(ends[1]);
	fact("IN, an octet");
	say_truth("IN, an octet: the result names the descriptor", results[0].fd == ends[0]);
	say_truth("IN, an octet: the result repeats the events", results[0].events == POLLIN);
	fact("IN, an octet, asked again");
	receive_octet(ends[0]);
	fact("IN, the octet read");
	write_change(ends[0], POLLREMOVE);
	send_octet(ends[1]);
	fact("removed, an octet");
	say_polled("removed, DP_ISPOLLED", ends[0]);
	write_change(ends[0], POLLIN);
	fact("added with an octet waiting");
	write_change(ends[0], POLLREMOVE);
	close_both(ends);
}

static void added_bits(void)
{
	int ends[2];

	open_pair(ends);
	send_octet(ends[1]);
	write_change(ends[0], POLLIN);
	write_change(ends[0], POLLOUT);
	say_polled("IN, then OUT written", ends[0]);
	fact("IN, then OUT written: events");
	say_truth("IN, then OUT written: the result repeats both",
	          results[0].events == (POLLIN | POLLOUT));
	write_change(ends[0], POLLIN);
	say_polled("IN|OUT, then IN written", ends[0]);
	write_change(ends[0], 0);
	say_polled("IN|OUT, then 0 written", ends[0]);
	write_change(ends[0], POLLIN | POLLOUT);
	say_polled("IN|OUT written again", ends[0]);
	write_change(ends[0], POLLREMOVE);
	write_change(ends[0], POLLIN);
	say_polled("IN|OUT, then removed, then IN", ends[0]);
	fact("IN|OUT, then removed, then IN: events");
	write_change(ends[0], POLLREMOVE);
	write_change(ends[0], 0);
	say_polled("0 added", ends[0]);
	fact("0 added, an octet");
	close(ends[1]);
	fact("0 added, the peer closes");
	write_change(ends[0], POLLREMOVE);
	close(ends[0]);
}

static void removals(void)
{
	int ends[2];

	open_pair(ends);
	send_octet(ends[1]);
	say_result("removing what was not added", write_change(ends[0], POLLREMOVE));
	say_result("removing twice", write_change(ends[0], POLLREMOVE));
	write_change(ends[0], POLLIN);
	say_result("REMOVE|IN written", write_change(ends[0], POLLREMOVE | POLLIN));
	say_polled("REMOVE|IN written: the set", ends[0]);
	fact("REMOVE|IN written: events");
	write_change(ends[0], POLLREMOVE);
	say_polled("then REMOVE alone", ends[0]);
	say_result("removing a descriptor that is not open", write_change(NOT_OPEN, POLLREMOVE));
	close_both(ends);
}

static void one_write(void)
{
	struct pollfd changes[4];
	int ends[2];

	open_pair(ends);
	send_octet(ends[1]);
	memset(changes, 0, sizeof changes);
	for (int i = 0; i < 4; i++)
		changes[i].fd = ends[0];
	changes[0].events = POLLIN | POLLOUT;
	changes[1].events = POLLREMOVE;
	changes[2].events = POLLIN;
	say_truth("one write of 3 takes them all",
	          write(device, changes, 3 * sizeof changes[0]) == 3 * sizeof changes[0]);
	say_polled("one write: IN|OUT, REMOVE, IN", ends[0]);
	changes[0].events = POLLREMOVE;
	changes[1].events = POLLOUT;
	changes[2].events = POLLREMOVE;
	say_result("one write: REMOVE, OUT, REMOVE",
	           (long)write(device, changes, 3 * sizeof changes[0]));
	say_polled("one write: REMOVE, OUT, REMOVE: the set", ends[0]);
	changes[0].events = POLLIN;
	say_truth("pwrite() at 0 takes what it is given",
	          pwrite(device, changes, sizeof changes[0], 0) == sizeof changes[0]);
	say_polled("pwrite() of IN", ends[0]);
	say_truth("a write of nothing", write(device, changes, 0) == 0);
	write_change(ends[0], POLLREMOVE);
	close_both(ends);
}

static void out_of_range(void)
{
	say_result("a negative descriptor", write_change(-1, POLLIN));
	fact("a negative descriptor: events");
	say_result("a descriptor beyond the table", write_change(999999, POLLIN));
	fact("a descriptor beyond the table: events");
	say_polled("a descriptor beyond the table: the set", 999999);
	say_polled("a negative descriptor: the set", -1);
}

static void never_open(void)
{
	say_result("adding a descriptor that is not open", write_change(NOT_OPEN, POLLIN));
	fact("descriptor that is not open: events");
	say_polled("descriptor that is not open: the set", NOT_OPEN);
	write_change(NOT_OPEN, POLLREMOVE);
	fact("descriptor that is not open, removed: events");
}

static void closed_descriptor(void)
{
	int ends[2];

	open_pair(ends);
	write_change(ends[0], POLLIN);
	close(ends[0]);
	fact("closed without removal");
	say_truth("closed without removal: `events` of the result is left alone",
	          results[0].events == UNTOUCHED);
	fact("closed without removal, asked again");
	say_polled("closed without removal: the set", ends[0]);
	say_result("removing after the close", write_change(ends[0], POLLREMOVE));
	fact("removed after the close");
	close(ends[1]);
}

static void reused_number(void)
{
	int before[2], after[2];

	open_pair(before);
	write_change(before[0], POLLIN);
	close_both(before);
	open_pair(after);
	say_truth("the number is used again", after[0] == before[0]);
	fact("stale entry, nothing ready for the new owner");
	send_octet(after[1]);
	fact("stale entry, an octet for the new owner");
	write_change(after[0], POLLIN);
	fact("stale entry, the same events added for the new owner");
	write_change(after[0], POLLREMOVE);
	write_change(after[0], POLLIN);
	fact("stale entry, removed and added for the new owner");
	write_change(after[0], POLLREMOVE);
	close_both(after);
}

static void widened_over_stale_entry(void)
{
	int before[2], after[2];

	open_pair(before);
	write_change(before[0], POLLIN);
	close_both(before);
	open_pair(after);
	send_octet(after[1]);
	write_change(after[0], POLLOUT);
	say_polled("stale entry IN, OUT added for the new owner", after[0]);
	fact("stale entry IN, OUT added for the new owner: events");
	write_change(after[0], POLLREMOVE);
	close_both(after);
}

static void copies(void)
{
	int ends[2], copy;

	open_pair(ends);
	send_octet(ends[1]);
	copy = dup(ends[0]);
	write_change(ends[0], POLLIN);
	write_change(copy, POLLIN);
	fact("a descriptor and its dup");
	close(ends[0]);
	fact("the descriptor closed, its dup lives on");
	write_change(ends[0], POLLREMOVE);
	fact("and removed");
	write_change(copy, POLLREMOVE);
	close(copy);
	close(ends[1]);
}

static void peers_that_leave(void)
{
	int ends[2];

	open_pair(ends);
	write_change(ends[0], POLLIN | POLLOUT);
	fact("IN|OUT, room to write");
	send_octet(ends[1]);
	fact("IN|OUT, an octet and room to write");
	write_change(ends[0], POLLREMOVE);
	write_change(ends[0], POLLIN);
	shutdown(ends[1], SHUT_WR);
	fact("IN, the peer half-closes with 1 unread");
	receive_octet(ends[0]);
	fact("IN, the peer half-closed, all read");
	write_change(ends[0], POLLREMOVE);
	close_both(ends);
}

static void pipes(void)
{
	int ends[2];

	if (pipe(ends) < 0)
		return;
	write_change(ends[0], POLLIN);
	send_octet(ends[1]);
	fact("pipe, an octet");
	receive_octet(ends[0]);
	close(ends[1]);
	say_truth("pipe, the writer is gone: HUP",
	          ask(RESULTS, 0) == 1 && (results[0].revents & POLLHUP) != 0);
	write_change(ends[0], POLLREMOVE);
	close(ends[0]);
	if (pipe(ends) < 0)
		return;
	write_change(ends[1], POLLOUT);
	fact("pipe, room to write");
	write_change(ends[1], POLLREMOVE);
	close_both(ends);
}

static void fairness(void)
{
	int ends[8][2], seen = 0, counted = 0;
	unsigned seen_of = 0;

	for (int i = 0; i < 8; i++) {
		open_pair(ends[i]);
		send_octet(ends[i][1]);
		write_change(ends[i][0], POLLIN);
	}
	for (int call = 0; call < 4; call++) {
		counted += ask(2, 0);
		for (int i = 0; i < 8; i++)
			if (results[0].fd == ends[i][0] || results[1].fd == ends[i][0])
				seen_of |= 1U << i;
	}
	for (int i = 0; i < 8; i++) {
		seen += (int)(seen_of >> i & 1);
		write_change(ends[i][0], POLLREMOVE);
		close_both(ends[i]);
	}
	printf("8 ready, 2 results a call: %d results in 4 calls\n", counted);
	printf("8 ready, 2 results a call: %d seen in 4 calls\n", seen);
}

static void dense_after_removal(void)
{
	int ends[5][2], ready;

	for (int i = 0; i < 5; i++) {
		open_pair(ends[i]);
		write_change(ends[i][0], POLLIN);
	}
	write_change(ends[1][0], POLLREMOVE);
	write_change(ends[4][0], POLLREMOVE);
	for (int i = 0; i < 5; i++)
		send_octet(ends[i][1]);
	ready = ask(RESULTS, 0);
	say("5 added, 2 of them removed, all have an octet", ready);
	say_polled("the second, which was removed", ends[1][0]);
	say_polled("the third, which was not", ends[2][0]);
	for (int i = 0; i < 5; i++) {
		write_change(ends[i][0], POLLREMOVE);
		close_both(ends[i]);
	}
	fact("all removed");
}

static void limits(void)
{
	struct rlimit limit, low;
	struct pollfd changes[80];

	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	low.rlim_cur = 64;
	memset(changes, 0, sizeof changes);
	for (int i = 0; i < 80; i++) {
		changes[i].fd = device;
		changes[i].events = POLLREMOVE;
	}
	setrlimit(RLIMIT_NOFILE, &low);
	say_result("a write of as many as RLIMIT_NOFILE",
	           (long)write(device, changes, 64 * sizeof changes[0]));
	say_result("a write of one more", (long)write(device, changes, 65 * sizeof changes[0]));
	say("dp_nfds below RLIMIT_NOFILE", ask(63, 0));
	say("dp_nfds above RLIMIT_NOFILE", ask(65, 0));
	setrlimit(RLIMIT_NOFILE, &limit);
}

static long wait_ms(nfds_t most, int timeout)
{
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	ask(most, timeout);
	clock_gettime(CLOCK_MONOTONIC, &after);
	return (long)(after.tv_sec - before.tv_sec) * 1000 +
	       (after.tv_nsec - before.tv_nsec) / 1000000;
}

static void on_alarm(int number)
{
	(void)number;
}

static void interrupt_soon(void)
{
	struct sigaction action;
	struct itimerval soon;

	memset(&action, 0, sizeof action);
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, NULL);
	memset(&soon, 0, sizeof soon);
	soon.it_value.tv_usec = 20000;
	setitimer(ITIMER_REAL, &soon, NULL);
}

static void waiting(void)
{
	int ends[2];

	say_truth("an idle wait of 1 ms lasts a tick of 10", wait_ms(RESULTS, 1) >= 9);
	say_truth("an idle wait of 30 ms lasts that long", wait_ms(RESULTS, 30) >= 29);
	say_truth("an idle wait without room for results lasts too", wait_ms(0, 30) >= 29);
	interrupt_soon();
	say("a signal during the wait", ask(RESULTS, -1));
	open_pair(ends);
	send_octet(ends[1]);
	write_change(ends[0], POLLIN);
	say("a wait without end, something is ready", ask(RESULTS, -1));
	say("no room for results, something is ready", ask(0, 0));
	write_change(ends[0], POLLREMOVE);
	close_both(ends);
}

static void unknown_requests(void)
{
	struct pollfd itself;

	say_result("an ioctl that does not exist", ioctl(device, 0xD07F, &itself));
	memset(&itself, 0, sizeof itself);
	itself.fd = device;
	itself.events = POLLIN;
	say_truth("poll() on the device: ERR alone",
	          poll(&itself, 1, 0) == 1 && itself.revents == POLLERR);
}

static void two_devices(void)
{
	int ends[2], first = device, second = open_device();

	open_pair(ends);
	send_octet(ends[1]);
	write_change(ends[0], POLLIN);
	device = second;
	fact("two devices, the second is empty");
	write_change(ends[0], POLLIN);
	device = first;
	write_change(ends[0], POLLREMOVE);
	fact("two devices, removed from the first");
	device = second;
	fact("two devices, removed from the first: the second");
	write_change(ends[0], POLLREMOVE);
	close_both(ends);
	close(second);
	say_result("a write to a closed device", write_change(0, POLLIN));
	device = first;
}

static void in_the_child(int fd)
{
	say_result("in a child, write", write_change(fd, POLLIN));
	say("in a child, DP_POLL", ask(RESULTS, 0));
	say_polled("in a child, DP_ISPOLLED", fd);
	say_result("in a child, closing its copy", close(device));
	device = open_device();
	say_result("in a child, write to a device of its own", write_change(fd, POLLIN));
	fact("in a child, events from a device of its own");
	write_change(fd, POLLREMOVE);
	close(fd);
	close(device);
	fflush(stdout);
	_exit(0);
}

static void run_child(void (*child)(int fd), int fd)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(fd);
	waitpid(pid, NULL, 0);
}

static void forking(void)
{
	int ends[2];

	open_pair(ends);
	send_octet(ends[1]);
	write_change(ends[0], POLLIN);
	run_child(in_the_child, ends[0]);
	fact("after the child has closed its copies");
	write_change(ends[0], POLLREMOVE);
	close_both(ends);
}

static void first_use(int fd)
{
	say_result("a device that the parent only opened: write", write_change(fd, POLLREMOVE));
	fflush(stdout);
	_exit(0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	device = open_device();
	levels();
	added_bits();
	removals();
	one_write();
	out_of_range();
	never_open();
	start_anew();
	closed_descriptor();
	reused_number();
	widened_over_stale_entry();
	copies();
	start_anew();
	peers_that_leave();
	pipes();
	fairness();
	dense_after_removal();
	limits();
	waiting();
	unknown_requests();
	two_devices();
	forking();
	start_anew();
	run_child(first_use, 0);
	close(device);
	return 0;
}
