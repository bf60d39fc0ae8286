/*
 * Who owns the set after a fork? The parent; the child starts over with an empty
 * one, and nothing that it does reaches the parent's.
 */
#include "tests/backend/conform.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a child works with; it answers by its exit status, 0 for "as expected". */
struct scene {
	struct bed *b;
	int fd;   /* in the parent's set, ready */
	int peer; /* the other end */
};

static struct scene scene_of(struct bed *b)
{
	struct scene sc = {.b = b};
	int s[2];

	unix_pair(b, s);
	sc.fd = s[0];
	sc.peer = s[1];
	say(sc.peer, "x");
	add(b, sc.fd, 7, IN);
	assert_int_equal(view(b, sc.fd, 7, IN), IN);
	return sc;
}

static int start_over_and_look(void *arg)
{
	const struct scene *sc = arg;
	struct weir__event ev;

	if (weir__poller_fork(sc->b->p) != 0)
		return 1;
	return weir__poller_wait(sc->b->p, &ev, 1, 20) == 0 ? 0 : 2;
}

static void the_child_sees_none_of_the_parents_events(void **state)
{
	struct scene sc = scene_of(*state);

	in_child("start over; wait: nothing", start_over_and_look, &sc);
	assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
}

static int add_own(void *arg)
{
	const struct scene *sc = arg;
	weir__poller *p = sc->b->p;
	struct weir__event ev;
	int s[2];

	if (weir__poller_fork(p) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		return 1;
	if (write(s[1], "x", 1) != 1 || weir__poller_set(p, s[0], 8, 0, IN) != 0)
		return 2;
	if (weir__poller_set(p, sc->fd, 9, 0, OUT) != 0)
		return 3;
	for (int i = 0; i < 2; i++) {
		/* Each in its turn. */
		if (weir__poller_wait(p, &ev, 1, 1000) != 1)
			return 4;
		if (ev.tag == 8 && (ev.fd != s[0] || ev.ready != IN))
			return 5;
		if (ev.tag == 9 && (ev.fd != sc->fd || ev.ready != OUT))
			return 6;
		if (ev.tag != 8 && ev.tag != 9)
			return 7;
	}
	weir__poller_drop(p, sc->fd, OUT, true);
	(void)close(sc->fd);
	if (weir__poller_set(p, s[0], 8, IN, 0) != 0)
		return 8;
	return weir__poller_wait(p, &ev, 1, 10) == 0 ? 0 : 9;
}

static void the_child_watches_its_own(void **state)
{
	struct scene sc = scene_of(*state);

	in_child("start over; a set of its own; wait: its own", add_own, &sc);
	assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
	assert_int_equal(drain(sc.fd), 1);
	silence(sc.b);
	say(sc.peer, "y");
	assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
}

static int remove_and_close(void *arg)
{
	const struct scene *sc = arg;

	if (weir__poller_fork(sc->b->p) != 0)
		return 1;
	weir__poller_drop(sc->b->p, sc->fd, 0, true);
	(void)close(sc->fd);
	(void)close(sc->peer);
	weir__poller_close(sc->b->p);
	return sc->b->mem.used == 0 ? 0 : 2;
}

static void the_child_does_not_edit_the_parents_set(void **state)
{
	struct scene sc = scene_of(*state);

	in_child("start over; drop and close all", remove_and_close, &sc);
	for (int i = 0; i < 2; i++)
		assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
}

/*
 * Where the set is not inherited its number is free in the child, and soon
 * another's: that one must survive.
 */
static int keep_what_was_opened_since(void *arg)
{
	const struct scene *sc = arg;
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		return 1;
	if (weir__poller_fork(sc->b->p) != 0)
		return 2;
	if (fcntl(s[0], F_GETFD) < 0 || fcntl(s[1], F_GETFD) < 0)
		return 3;
	return write(s[0], "x", 1) == 1 ? 0 : 4;
}

static void the_child_keeps_what_it_opened_before_starting_over(void **state)
{
	struct scene sc = scene_of(*state);

	in_child("open others; start over; they are open", keep_what_was_opened_since, &sc);
	assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
}

static int start_over_again_and_again(void *arg)
{
	const struct scene *sc = arg;

	if (weir__poller_fork(sc->b->p) != 0)
		return 1;
	const int first = open_descriptors();
	for (int i = 0; i < 5; i++)
		if (weir__poller_fork(sc->b->p) != 0)
			return 2;
	if (open_descriptors() != first)
		return 3;
	weir__poller_close(sc->b->p);
	return needs_no_descriptor() || open_descriptors() < first ? 0 : 4;
}

static void a_child_that_starts_over_again_leaks_nothing(void **state)
{
	struct scene sc = scene_of(*state);

	in_child("start over, six times; as many are open as after the first",
	         start_over_again_and_again, &sc);
	assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
}

static int only_close(void *arg)
{
	const struct scene *sc = arg;

	weir__poller_close(sc->b->p);
	return sc->b->mem.used == 0 ? 0 : 1;
}

static void the_child_may_close_what_it_inherited(void **state)
{
	struct scene sc = scene_of(*state);

	in_child("close the poller", only_close, &sc);
	assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
}

enum { WAIT_MS = 500 };

/* A child with a set of its own, which says when it is about to wait. Its exit status: was it
   woken? */
static pid_t waiter_among_others(struct bed *b, int listener, int about_to)
{
	struct weir__event ev;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	if (weir__poller_fork(b->p) != 0 ||
	    weir__poller_set(b->p, listener, 1, 0, IN | WEIR__AMONG) != 0 ||
	    write(about_to, "w", 1) != 1)
		_exit(2);
	_exit(weir__poller_wait(b->p, &ev, 1, WAIT_MS) == 1);
}

static int woken(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_in_range(WEXITSTATUS(status), 0, 1);
	return WEXITSTATUS(status);
}

/* How many of two processes one connection wakes. */
static int woken_by_a_connection(struct bed *b, int listener, uint16_t port)
{
	const struct timespec until_they_wait = {0, 50000000};
	pid_t pid[2];
	int about_to[2];
	char octet;

	assert_int_equal(pipe(about_to), 0);
	for (int i = 0; i < 2; i++)
		pid[i] = waiter_among_others(b, listener, about_to[1]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(read(about_to[0], &octet, 1), 1);
	(void)nanosleep(&until_they_wait, NULL);
	(void)tcp_connect(tcp_socket(b), port);
	const int sum = woken(pid[0]) + woken(pid[1]);
	shut(b, tcp_accept(b, listener));
	(void)close(about_to[0]);
	(void)close(about_to[1]);
	return sum;
}

static void among_others_one_of_two_processes_is_woken(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int sum = 0;

	if (!HAVE_EPOLLEXCLUSIVE || strcmp(weir__poller_name(), "epoll") != 0)
		skip_because("this poller wakes all who wait");
	const int listener = tcp_listener(b, 5, &port);
	trace("two children wait for one listener, among others; a connection wakes one of them");
	trace_pause();
	/* Who does not wait yet, or no longer, when it comes: then once more. */
	for (int i = 0; i < 10 && sum != 1; i++)
		sum = woken_by_a_connection(b, listener, port);
	trace_resume();
	assert_int_equal(sum, 1);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void a_child_that_just_leaves_changes_nothing(void **state)
{
	struct scene sc = scene_of(*state);

	/* With a change noted, but not yet told. */
	change(sc.b, sc.fd, 7, IN, BOTH);
	in_child("leave", nothing, NULL);
	assert_int_equal(view(sc.b, sc.fd, 7, BOTH), BOTH);
}

static void changes_noted_before_the_fork_stay_the_parents(void **state)
{
	struct scene sc = scene_of(*state);

	change(sc.b, sc.fd, 7, IN, BOTH);
	in_child("start over; wait: nothing", start_over_and_look, &sc);
	assert_int_equal(view(sc.b, sc.fd, 7, BOTH), BOTH);
}

static int grandchild(void *arg)
{
	const struct scene *sc = arg;
	struct weir__event ev;

	if (weir__poller_fork(sc->b->p) != 0 || weir__poller_set(sc->b->p, sc->fd, 1, 0, IN) != 0)
		return 1;
	return weir__poller_wait(sc->b->p, &ev, 1, 1000) == 1 && ev.tag == 1 ? 0 : 2;
}

static int child_with_grandchild(void *arg)
{
	const struct scene *sc = arg;
	struct weir__event ev;

	if (weir__poller_fork(sc->b->p) != 0 || weir__poller_set(sc->b->p, sc->fd, 2, 0, IN) != 0)
		return 1;
	if (weir__poller_wait(sc->b->p, &ev, 1, 1000) != 1 || ev.tag != 2)
		return 2;
	in_child("the same", grandchild, arg);
	return weir__poller_wait(sc->b->p, &ev, 1, 1000) == 1 && ev.tag == 2 ? 0 : 3;
}

static void each_generation_has_its_own_set(void **state)
{
	struct scene sc = scene_of(*state);

	in_child("start over; add #1; in a child of it the same; wait: its own",
	         child_with_grandchild, &sc);
	assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
}

static void starting_over_empties_the_set(void **state)
{
	struct scene sc = scene_of(*state);

	assert_int_equal(start_over(sc.b), 0);
	silence(sc.b);
}

static void after_starting_over_everything_can_be_added(void **state)
{
	struct scene sc = scene_of(*state);

	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(start_over(sc.b), 0);
		add(sc.b, sc.fd, 100 + i, IN);
		add(sc.b, sc.peer, 200 + i, IN);
		assert_int_equal(view(sc.b, sc.fd, 100 + i, IN), IN);
	}
	change(sc.b, sc.fd, 104, IN, BOTH);
	assert_int_equal(view(sc.b, sc.fd, 104, BOTH), BOTH);
	drop_and_close(sc.b, sc.fd, BOTH);
	/* The peer's close is all that is left to see. */
	assert_int_equal(view(sc.b, sc.peer, 204, IN), IN);
}

static void starting_over_forgets_what_was_noted(void **state)
{
	struct scene sc = scene_of(*state);

	change(sc.b, sc.fd, 7, IN, BOTH);
	add(sc.b, sc.peer, 8, OUT);
	assert_int_equal(start_over(sc.b), 0);
	silence(sc.b);
}

static void what_is_added_after_starting_over_does_not_bring_back_the_others(void **state)
{
	struct scene sc = scene_of(*state);
	int higher[2];

	unix_pair(sc.b, higher);
	add(sc.b, higher[0], 8, IN);
	assert_int_equal(view(sc.b, sc.fd, 7, IN), IN);
	assert_int_equal(start_over(sc.b), 0);
	add(sc.b, higher[0], 9, IN);
	silence(sc.b);
	say(higher[1], "x");
	assert_int_equal(view(sc.b, higher[0], 9, IN), IN);
}

static void starting_over_leaks_no_descriptors(void **state)
{
	struct bed *b = *state;
	int before = open_descriptors();

	for (int i = 0; i < 20; i++)
		assert_int_equal(start_over(b), 0);
	assert_int_equal(open_descriptors(), before);
}

static void starting_over_leaks_no_memory(void **state)
{
	struct scene sc = scene_of(*state);
	size_t before = sc.b->mem.used;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(start_over(sc.b), 0);
		add(sc.b, sc.fd, 8, IN);
	}
	assert_int_equal(sc.b->mem.used, before);
}

int conform_fork(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(the_child_sees_none_of_the_parents_events),
		BED_TEST(the_child_watches_its_own),
		BED_TEST(the_child_does_not_edit_the_parents_set),
		BED_TEST(the_child_keeps_what_it_opened_before_starting_over),
		BED_TEST(a_child_that_starts_over_again_leaks_nothing),
		BED_TEST(the_child_may_close_what_it_inherited),
		BED_TEST(among_others_one_of_two_processes_is_woken),
		BED_TEST(a_child_that_just_leaves_changes_nothing),
		BED_TEST(changes_noted_before_the_fork_stay_the_parents),
		BED_TEST(each_generation_has_its_own_set),
		BED_TEST(starting_over_empties_the_set),
		BED_TEST(after_starting_over_everything_can_be_added),
		BED_TEST(starting_over_forgets_what_was_noted),
		BED_TEST(what_is_added_after_starting_over_does_not_bring_back_the_others),
		BED_TEST(starting_over_leaks_no_descriptors),
		BED_TEST(starting_over_leaks_no_memory),
	};

	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
