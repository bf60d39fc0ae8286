/*
 * How does kqueue behave, as a program sees it?  Prints one fact a line, the same at every run, so
 * that the answers of a kernel and those of the stand-in can be compared.  The events of one call
 * are sorted (READ before WRITE, then by udata), for their order is nobody's promise.
 *
 * Needs nothing but kqueue and sockets: a porter compiles it alone, on the system in question.
 */
#if !defined(__FreeBSD__) && !defined(__NetBSD__) && !defined(__OpenBSD__) && !defined(__APPLE__)
#define _GNU_SOURCE /* beyond a BSD this is the stand-in, on Linux */
#endif
#include <sys/types.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __NetBSD__
#include <sys/param.h>
#endif

#if defined(STANDIN_NETBSD) || defined(__NetBSD__)
typedef uint32_t filter_type;
typedef uint32_t flags_type;
typedef size_t count_type;
#else
typedef short filter_type;
typedef unsigned short flags_type;
typedef int count_type;
#endif

#if defined(STANDIN_NETBSD) || (defined(__NetBSD__) && __NetBSD_Version__ < 1000000000)
#define UDATA(number) ((intptr_t)(number))
#else
#define UDATA(number) ((void *)(intptr_t)(number))
#endif

#define NOT_OPEN 900
#define EVENTS 16

static int queue;
static int listener;
static struct sockaddr_in address;
static struct kevent events[EVENTS];
static char octets[65536];

/* --- saying ---------------------------------------------------------------------------------- */

static const char *error_name(long error)
{
	switch (error) {
	case 0:
		return "ok";
	case EBADF:
		return "EBADF";
	case ENOENT:
		return "ENOENT";
	case EINVAL:
		return "EINVAL";
	case EPIPE:
		return "EPIPE";
	case EINTR:
		return "EINTR";
	case ECONNRESET:
		return "ECONNRESET";
	case ECONNREFUSED:
		return "ECONNREFUSED";
	default:
		return "another error";
	}
}

static int rank(const struct kevent *event)
{
	return 1000 * (event->filter == EVFILT_WRITE) + (int)(intptr_t)event->udata;
}

static int by_rank(const void *a, const void *b)
{
	return rank(a) - rank(b);
}

static void print_event(const struct kevent *event)
{
	printf("%s", event->filter == EVFILT_READ ? "READ" : "WRITE");
	if (event->flags & EV_EOF)
		printf("|EOF");
	if (event->flags & EV_ERROR)
		printf("|ERROR %s", error_name((long)event->data));
	else if (event->filter == EVFILT_READ)
		printf(" data=%ld", (long)event->data);
	else
		printf(" data%s", event->data > 0 ? ">0" : "=0");
	if (event->fflags != 0)
		printf(" %s", error_name((long)event->fflags));
	if ((intptr_t)event->udata != 0)
		printf(" udata=%ld", (long)(intptr_t)event->udata);
}

/* `count` is what kevent() returned. */
static void say(const char *fact, int count)
{
	printf("%s: %s", fact, count < 0 ? error_name(errno) : count == 0 ? "nothing" : "");
	if (count > 1)
		qsort(events, (size_t)count, sizeof events[0], by_rank);
	for (int i = 0; i < count; i++) {
		printf("%s", i > 0 ? ", " : "");
		print_event(&events[i]);
	}
	printf("\n");
}

static void say_result(const char *fact, int result)
{
	printf("%s: %s\n", fact, error_name(result < 0 ? errno : 0));
}

static void say_text(const char *fact, const char *answer)
{
	printf("%s: %s\n", fact, answer);
}

static void say_truth(const char *fact, int truth)
{
	say_text(fact, truth ? "yes" : "no");
}

/* --- doing ----------------------------------------------------------------------------------- */

/* What has been sent needs a moment until the other socket knows. */
static void settle(void)
{
	struct timespec moment = {0, 15000000};

	nanosleep(&moment, NULL);
}

static struct kevent change_of(int fd, filter_type filter, unsigned flags, int udata)
{
	struct kevent change;

	memset(&change, 0, sizeof change);
	EV_SET(&change, (uintptr_t)fd, filter, (flags_type)flags, 0, 0, UDATA(udata));
	return change;
}

static int change(int fd, filter_type filter, unsigned flags, int udata)
{
	struct kevent one = change_of(fd, filter, flags, udata);

	return kevent(queue, &one, 1, NULL, 0, NULL);
}

static int change_low_water(int fd, filter_type filter, int octets_wanted)
{
	struct kevent one = change_of(fd, filter, EV_ADD, 0);

	one.fflags = NOTE_LOWAT;
	one.data = octets_wanted;
	return kevent(queue, &one, 1, NULL, 0, NULL);
}

static void add_filter(int fd, filter_type filter)
{
	change(fd, filter, EV_ADD, 0);
}

static void remove_filter(int fd, filter_type filter)
{
	change(fd, filter, EV_DELETE, 0);
}

static int ask(count_type most)
{
	static const struct timespec none = {0, 0};

	settle();
	memset(events, 0, sizeof events);
	return kevent(queue, NULL, 0, events, most, &none);
}

static void fact(const char *name)
{
	int count = ask(EVENTS);

	say(name, count);
}

static void send_octets(int fd, size_t count)
{
	if (write(fd, octets, count) != (ssize_t)count)
		perror("write");
}

static void receive(int fd, size_t count)
{
	if (read(fd, octets, count) < 0)
		perror("read");
}

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int connect_to(const struct sockaddr_in *where, int nonblocking)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (nonblocking)
		set_nonblocking(fd);
	if (connect(fd, (const struct sockaddr *)where, sizeof *where) < 0 && !nonblocking)
		perror("connect");
	return fd;
}

static int no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	set_nonblocking(fd);
	return fd;
}

static void open_connection(int ends[2])
{
	ends[0] = no_delay(connect_to(&address, 0));
	ends[1] = no_delay(accept(listener, NULL, NULL));
}

static void close_both(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void reset(int fd)
{
	struct linger at_once;

	memset(&at_once, 0, sizeof at_once);
	at_once.l_onoff = 1;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}

static int pending_error(int fd)
{
	int error = -1;
	socklen_t length = sizeof error;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

static int open_listener(struct sockaddr_in *where)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t length = sizeof *where;

	memset(where, 0, sizeof *where);
	where->sin_family = AF_INET;
	where->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)where, sizeof *where) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)where, &length) < 0) {
		perror("listener");
		exit(1);
	}
	return fd;
}

/* --- the facts ------------------------------------------------------------------------------- */

static void changes_that_fail(void)
{
	int ends[2];
	struct kevent one = change_of(NOT_OPEN, EVFILT_READ, EV_ADD, 1);

	say_result("adding a descriptor that is not open, without room for events",
	           change(NOT_OPEN, EVFILT_READ, EV_ADD, 0));
	say("adding a descriptor that is not open, with room for events",
	    kevent(queue, &one, 1, events, EVENTS, NULL));
	say_result("deleting for a descriptor that is not open",
	           change(NOT_OPEN, EVFILT_READ, EV_DELETE, 0));
	open_connection(ends);
	say_result("deleting what was not added", change(ends[0], EVFILT_READ, EV_DELETE, 0));
	say_result("enabling what was not added", change(ends[0], EVFILT_READ, EV_ENABLE, 0));
	say_result("disabling what was not added", change(ends[0], EVFILT_READ, EV_DISABLE, 0));
	say_result("adding a filter that does not exist",
	           change(ends[0], (filter_type)0x7ffe, EV_ADD, 0));
	add_filter(ends[0], EVFILT_READ);
	say_result("deleting the other filter", change(ends[0], EVFILT_WRITE, EV_DELETE, 0));
	remove_filter(ends[0], EVFILT_READ);
	say_result("deleting twice", change(ends[0], EVFILT_READ, EV_DELETE, 0));
	say_result("kevent on a descriptor that is no kqueue",
	           kevent(ends[0], NULL, 0, events, 1, NULL));
	close_both(ends);
}

static void levels(void)
{
	int ends[2];

	open_connection(ends);
	say_result("adding READ", change(ends[0], EVFILT_READ, EV_ADD, 7));
	fact("no data");
	send_octets(ends[1], 5);
	fact("5 octets");
	fact("5 octets, asked again");
	receive(ends[0], 3);
	fact("3 of them read");
	receive(ends[0], 2);
	fact("all read");
	send_octets(ends[1], 1);
	change(ends[0], EVFILT_READ, EV_ADD, 8);
	fact("added again with another udata");
	change(ends[0], EVFILT_READ, EV_ENABLE, 9);
	fact("enabled with another udata");
	remove_filter(ends[0], EVFILT_READ);
	fact("deleted with data unread");
	add_filter(ends[0], EVFILT_READ);
	fact("added with data waiting");
	close_both(ends);
}

static void disabling(void)
{
	int ends[2];

	open_connection(ends);
	send_octets(ends[1], 5);
	change(ends[0], EVFILT_READ, EV_ADD | EV_DISABLE, 0);
	fact("added disabled, 5 octets");
	change(ends[0], EVFILT_READ, EV_ENABLE, 0);
	fact("then enabled");
	change(ends[0], EVFILT_READ, EV_DISABLE, 0);
	fact("then disabled");
	shutdown(ends[1], SHUT_WR);
	fact("the peer half-closes while disabled");
	add_filter(ends[0], EVFILT_READ);
	fact("adding again enables");
	close_both(ends);
}

static void edges(void)
{
	int ends[2];

	open_connection(ends);
	change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0);
	send_octets(ends[1], 5);
	fact("EV_CLEAR, 5 octets");
	fact("EV_CLEAR, asked again");
	send_octets(ends[1], 5);
	fact("EV_CLEAR, 5 octets more");
	receive(ends[0], 3);
	fact("EV_CLEAR, 3 of them read");
	change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0);
	fact("EV_CLEAR, added again");
	remove_filter(ends[0], EVFILT_READ);
	change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0);
	fact("EV_CLEAR, added with data waiting");
	receive(ends[0], 7);
	close(ends[1]);
	fact("EV_CLEAR, the peer closes");
	fact("EV_CLEAR, asked again after the close");
	close(ends[0]);
}

static void once_only(void)
{
	int ends[2];

	open_connection(ends);
	send_octets(ends[1], 5);
	change(ends[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0);
	fact("EV_ONESHOT, 5 octets");
	fact("EV_ONESHOT, asked again");
	say_result("EV_ONESHOT, deleting after the event",
	           change(ends[0], EVFILT_READ, EV_DELETE, 0));
	change(ends[0], EVFILT_READ, EV_ADD | EV_DISPATCH, 0);
	fact("EV_DISPATCH, 5 octets");
	fact("EV_DISPATCH, asked again");
	say_result("EV_DISPATCH, deleting after the event",
	           change(ends[0], EVFILT_READ, EV_DELETE, 0));
	close_both(ends);
}

static void low_water(void)
{
	int ends[2];

	open_connection(ends);
	change_low_water(ends[0], EVFILT_READ, 10);
	send_octets(ends[1], 5);
	fact("NOTE_LOWAT 10, 5 octets");
	send_octets(ends[1], 5);
	fact("NOTE_LOWAT 10, 10 octets");
	fact("NOTE_LOWAT 10, asked again");
	receive(ends[0], 9);
	fact("NOTE_LOWAT 10, 1 octet left");
	shutdown(ends[1], SHUT_WR);
	fact("NOTE_LOWAT 10, 1 octet left and the end");
	close_both(ends);
}

static int fill(int fd)
{
	ssize_t sent;

	do
		sent = write(fd, octets, sizeof octets);
	while (sent > 0);
	return sent < 0 && errno == EAGAIN;
}

static void drain(int fd)
{
	for (int i = 0; i < 3; i++, settle())
		while (read(fd, octets, sizeof octets) > 0)
			;
}

static void both_filters(void)
{
	int ends[2], read_seen = 0, write_seen = 0;

	open_connection(ends);
	add_filter(ends[0], EVFILT_WRITE);
	fact("WRITE, room to write");
	fact("WRITE, asked again");
	change(ends[0], EVFILT_READ, EV_ADD, 2);
	fact("READ and WRITE, no data");
	send_octets(ends[1], 5);
	fact("READ and WRITE, 5 octets: two events");
	for (int i = 0; i < 4; i++)
		if (ask(1) == 1)
			*(events[0].filter == EVFILT_WRITE ? &write_seen : &read_seen) = 1;
	say_truth("READ and WRITE, one event a call: both are seen", read_seen && write_seen);
	remove_filter(ends[0], EVFILT_READ);
	fact("READ deleted, WRITE stays");
	while (fill(ends[0]) && ask(1) == 1)
		;
	fact("WRITE, no room");
	drain(ends[1]);
	fact("WRITE, room again");
	close_both(ends);
}

static void half_close(void)
{
	int ends[2];

	open_connection(ends);
	add_filter(ends[0], EVFILT_READ);
	add_filter(ends[0], EVFILT_WRITE);
	send_octets(ends[1], 5);
	shutdown(ends[1], SHUT_WR);
	fact("peer half-closes with 5 unread");
	receive(ends[0], 5);
	fact("peer half-closed, all read");
	remove_filter(ends[0], EVFILT_WRITE);
	fact("peer half-closed, asked again");
	close(ends[1]);
	fact("peer closed");
	add_filter(ends[0], EVFILT_WRITE);
	fact("peer closed, WRITE added");
	close(ends[0]);
	fact("closed ourselves");
	open_connection(ends);
	add_filter(ends[0], EVFILT_READ);
	add_filter(ends[0], EVFILT_WRITE);
	shutdown(ends[0], SHUT_WR);
	fact("half-closed ourselves");
	close_both(ends);
}

static void resets(void)
{
	int ends[2];

	open_connection(ends);
	add_filter(ends[0], EVFILT_READ);
	add_filter(ends[0], EVFILT_WRITE);
	reset(ends[1]);
	fact("peer resets");
	say_text("peer reset, SO_ERROR", error_name(pending_error(ends[0])));
	fact("peer reset, after SO_ERROR was read");
	close(ends[0]);
	open_connection(ends);
	add_filter(ends[0], EVFILT_READ);
	reset(ends[1]);
	fact("peer resets, READ alone");
	say_result("peer reset, read()", (int)read(ends[0], octets, 1));
	fact("peer reset, after read()");
	close(ends[0]);
	open_connection(ends);
	reset(ends[1]);
	settle();
	say_result("peer reset, READ added then", change(ends[0], EVFILT_READ, EV_ADD, 0));
	fact("peer reset before READ was added");
	close(ends[0]);
}

static void listening(void)
{
	int first, second, accepted;

	add_filter(listener, EVFILT_READ);
	fact("listener, none waiting");
	first = connect_to(&address, 0);
	second = connect_to(&address, 0);
	fact("listener, 2 waiting");
	accepted = accept(listener, NULL, NULL);
	fact("listener, 1 waiting");
	close(accepted);
	accepted = accept(listener, NULL, NULL);
	fact("listener, all accepted");
	remove_filter(listener, EVFILT_READ);
	close(first);
	close(second);
	close(accepted);
}

static void connecting(void)
{
	struct sockaddr_in nobody;
	int fd = connect_to(&address, 1), accepted;

	add_filter(fd, EVFILT_WRITE);
	fact("connect, WRITE when it stands");
	accepted = accept(listener, NULL, NULL);
	say_text("connect, SO_ERROR", error_name(pending_error(fd)));
	close(fd);
	close(accepted);
	close(open_listener(&nobody));
	fd = connect_to(&nobody, 1);
	add_filter(fd, EVFILT_READ);
	add_filter(fd, EVFILT_WRITE);
	fact("connect refused");
	say_text("connect refused, SO_ERROR", error_name(pending_error(fd)));
	close(fd);
}

static void unconnected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	set_nonblocking(fd);
	add_filter(fd, EVFILT_READ);
	add_filter(fd, EVFILT_WRITE);
	fact("socket that was never connected");
	fact("socket that was never connected, asked again");
	connect(fd, (struct sockaddr *)&address, sizeof address);
	fact("the same socket, connected then");
	close(accept(listener, NULL, NULL));
	close(fd);
}

static void copies_and_numbers(void)
{
	int ends[2], copy, reused, peer;

	open_connection(ends);
	add_filter(ends[0], EVFILT_READ);
	copy = dup(ends[0]);
	send_octets(ends[1], 5);
	fact("a dup lives beside");
	close(ends[0]);
	fact("registered number closed, its dup lives on");
	reused = connect_to(&address, 0);
	peer = accept(listener, NULL, NULL);
	say_truth("the number is used again", reused == ends[0]);
	say_result("number used again, deleting", change(reused, EVFILT_READ, EV_DELETE, 0));
	send_octets(peer, 1);
	fact("number used again, 1 octet, nothing added");
	change(reused, EVFILT_READ, EV_ADD, 2);
	fact("number used again, READ added");
	change(copy, EVFILT_READ, EV_ADD, 3);
	fact("the dup added under its own number");
	close(copy);
	fact("the dup closed");
	close(reused);
	close(peer);
	close(ends[1]);
}

static void closing_order(void)
{
	int ends[2], other = kqueue(), kept = queue;

	open_connection(ends);
	add_filter(ends[0], EVFILT_READ);
	queue = other;
	add_filter(ends[0], EVFILT_READ);
	send_octets(ends[1], 1);
	fact("in two kqueues, the second");
	remove_filter(ends[0], EVFILT_READ);
	queue = kept;
	fact("deleted from the second, the first");
	queue = other;
	add_filter(ends[0], EVFILT_READ);
	close(ends[0]);
	fact("closed, the second kqueue");
	queue = kept;
	fact("closed, the first kqueue");
	close(other);
	say_result("kevent on a kqueue that was closed", kevent(other, NULL, 0, events, 1, NULL));
	close(ends[1]);
}

static void several_changes(void)
{
	int ends[2];
	struct kevent changes[3];

	open_connection(ends);
	changes[0] = change_of(ends[0], EVFILT_READ, EV_ADD | EV_RECEIPT, 1);
	changes[1] = change_of(NOT_OPEN, EVFILT_READ, EV_ADD | EV_RECEIPT, 2);
	changes[2] = change_of(ends[0], EVFILT_WRITE, EV_ADD | EV_RECEIPT, 3);
	say("EV_RECEIPT, good, bad, good", kevent(queue, changes, 3, events, EVENTS, NULL));
	fact("EV_RECEIPT, the next call");
	remove_filter(ends[0], EVFILT_WRITE);
	changes[0] = change_of(NOT_OPEN, EVFILT_READ, EV_ADD, 2);
	changes[1] = change_of(ends[0], EVFILT_WRITE, EV_ADD, 3);
	say("bad and good change, with room", kevent(queue, changes, 2, events, EVENTS, NULL));
	fact("bad and good change, with room, the next call");
	remove_filter(ends[0], EVFILT_WRITE);
	say_result("bad and good change, no room", kevent(queue, changes, 2, NULL, 0, NULL));
	fact("bad and good change, no room, the next call");
	close_both(ends);
}

static void one_array(void)
{
	static const struct timespec none = {0, 0};
	int ends[2];

	open_connection(ends);
	memset(events, 0, sizeof events);
	events[0] = change_of(ends[0], EVFILT_WRITE, EV_ADD, 1);
	events[1] = change_of(NOT_OPEN, EVFILT_READ, EV_ADD, 2);
	events[2] = change_of(NOT_OPEN, EVFILT_READ, EV_DELETE, 3);
	events[3] = change_of(ends[0], EVFILT_READ, EV_ADD, 4);
	say("one array for changes and events, 2 of 4 are bad",
	    kevent(queue, events, 4, events, 4, &none));
	send_octets(ends[1], 1);
	fact("one array for changes and events, the next call");
	events[0] = change_of(ends[0], EVFILT_WRITE, EV_DELETE, 0);
	settle();
	say("a change and the events in one call", kevent(queue, events, 1, events, 4, &none));
	close_both(ends);
}

static void unix_sockets(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return;
	add_filter(ends[0], EVFILT_READ);
	fact("unix pair, no data");
	send_octets(ends[1], 5);
	fact("unix pair, 5 octets");
	close(ends[1]);
	fact("unix pair, the peer closes with 5 unread");
	receive(ends[0], 5);
	fact("unix pair, the peer closed, all read");
	close(ends[0]);
}

static void pipes(void)
{
	int ends[2];

	if (pipe(ends) < 0)
		return;
	add_filter(ends[0], EVFILT_READ);
	send_octets(ends[1], 5);
	fact("pipe, 5 octets");
	close(ends[1]);
	fact("pipe, the writer closes with 5 unread");
	receive(ends[0], 5);
	fact("pipe, the writer closed, all read");
	close(ends[0]);
	if (pipe(ends) < 0)
		return;
	add_filter(ends[1], EVFILT_WRITE);
	fact("pipe, room to write");
	close(ends[0]);
	fact("pipe, the reader closes");
	remove_filter(ends[1], EVFILT_WRITE);
	say_text("pipe, WRITE added when the reader is gone",
	         change(ends[1], EVFILT_WRITE, EV_ADD, 0) < 0 ? "refused" : "ok");
	close(ends[1]);
}

static void fairness(void)
{
	int ends[8][2], seen[8] = {0}, total = 0;

	for (int i = 0; i < 8; i++) {
		open_connection(ends[i]);
		send_octets(ends[i][1], 1);
		change(ends[i][0], EVFILT_READ, EV_ADD, i);
	}
	for (int call = 0; call < 6; call++)
		for (int i = ask(2) - 1; i >= 0; i--)
			seen[(intptr_t)events[i].udata] = 1;
	for (int i = 0; i < 8; i++) {
		total += seen[i];
		close_both(ends[i]);
	}
	printf("8 ready, 2 events a call: %d seen in 6 calls\n", total);
}

static long wait_ms(int milliseconds)
{
	struct timespec before, after, timeout = {0, milliseconds * 1000000L};

	clock_gettime(CLOCK_MONOTONIC, &before);
	kevent(queue, NULL, 0, events, EVENTS, &timeout);
	clock_gettime(CLOCK_MONOTONIC, &after);
	return (long)(after.tv_sec - before.tv_sec) * 1000 +
	       (after.tv_nsec - before.tv_nsec) / 1000000;
}

static void on_alarm(int number)
{
	(void)number;
}

static void waiting(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sigaction action;
	struct itimerval soon = {{0, 0}, {0, 20000}};

	say_truth("an idle wait of 30 ms lasts that long", wait_ms(30) >= 29);
	add_filter(fd, EVFILT_WRITE);
	say_truth("so it does with a socket never connected", wait_ms(30) >= 29);
	close(fd);
	say("no room for events: returns at once", kevent(queue, NULL, 0, NULL, 0, NULL));
	memset(&action, 0, sizeof action);
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	say("a signal during the wait", kevent(queue, NULL, 0, events, EVENTS, NULL));
}

static void polled_itself(void)
{
	int ends[2];
	struct pollfd kernel_queue;

	memset(&kernel_queue, 0, sizeof kernel_queue);
	kernel_queue.fd = queue;
	kernel_queue.events = POLLIN;
	open_connection(ends);
	add_filter(ends[0], EVFILT_READ);
	say_truth("poll() on the kqueue, nothing ready: readable", poll(&kernel_queue, 1, 20) > 0);
	send_octets(ends[1], 1);
	settle();
	say_truth("poll() on the kqueue, something ready: readable",
	          poll(&kernel_queue, 1, 1000) > 0);
	close_both(ends);
}

static void in_the_child(int fd)
{
	struct kevent one = change_of(fd, EVFILT_READ, EV_ADD, 0);

	say_result("in a child, kevent", kevent(queue, &one, 1, NULL, 0, NULL));
	say_truth("in a child, the number of the kqueue is free", fcntl(queue, F_GETFD) < 0);
	queue = kqueue();
	say_result("in a child, a new kqueue", queue);
	add_filter(fd, EVFILT_READ);
	fact("in a child, the inherited socket has an octet");
	close(fd);
	fflush(stdout);
	_exit(0);
}

static void forking(void)
{
	int ends[2];
	pid_t child;

	open_connection(ends);
	add_filter(ends[0], EVFILT_READ);
	send_octets(ends[1], 1);
	settle();
	fflush(stdout);
	child = fork();
	if (child == 0)
		in_the_child(ends[0]);
	waitpid(child, NULL, 0);
	fact("after the child has closed its copy");
	close_both(ends);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	listener = open_listener(&address);
	queue = kqueue();
	if (queue < 0) {
		perror("kqueue");
		return 1;
	}
	changes_that_fail();
	levels();
	disabling();
	edges();
	once_only();
	low_water();
	both_filters();
	half_close();
	resets();
	listening();
	connecting();
	unconnected();
	copies_and_numbers();
	closing_order();
	several_changes();
	one_array();
	unix_sockets();
	pipes();
	fairness();
	waiting();
	polled_itself();
	forking();
	close(queue);
	close(listener);
	return 0;
}
