/*
 * io_test.c: is a descriptor of the user's own watched as weir.h says, whatever
 * kind of thing it is?
 */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop.h"

/* A watcher that writes down what it was told. */
struct watch {
	weir_io io;
	weir_loop *loop;
	unsigned seen; /* all that was ready, ever */
	int times;
	int stop_after;  /* stops itself after so many times; 0: never */
	weir_io *victim; /* stops that one */
};

static void watch_fn(weir_io *io, unsigned ready, void *arg)
{
	struct watch *w = arg;

	assert_ptr_equal(io, &w->io);
	assert_true(ready != 0 && ready <= (WEIR_READ | WEIR_WRITE));
	w->seen |= ready;
	w->times++;
	if (w->victim)
		weir_io_stop(w->victim);
	if (w->times == w->stop_after)
		weir_io_stop(io);
}

static weir_loop *loop_of(void **state)
{
	return ((struct test_bed *)*state)->loop;
}

static void start(weir_loop *loop, struct watch *w, int fd, unsigned want)
{
	w->loop = loop;
	assert_int_equal(weir_io_start(loop, &w->io, fd, want, watch_fn, w), 0);
}

/* Turns until what was going on has been told. */
static void turns(weir_loop *loop, int n)
{
	for (int i = 0; i < n; i++)
		assert_true(weir_loop_step(loop, 0) >= 0);
}

static void make_pipe(int fd[2])
{
	assert_int_equal(pipe(fd), 0);
}

static void make_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
}

static void close_both(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

/* ---- pipes and sockets -------------------------------------------------- */

static void a_pipe_is_readable_when_there_are_octets(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	int fd[2];

	make_pipe(fd);
	start(loop, &w, fd[0], WEIR_READ);
	turns(loop, 2);
	assert_int_equal(w.times, 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(weir_loop_step(loop, 1000), 1);
	assert_int_equal(w.seen, WEIR_READ);
	weir_io_stop(&w.io);
	assert_int_equal(weir_loop_step(loop, 0), 0);
	close_both(fd);
}

static void what_is_ready_is_told_in_every_turn_while_it_holds(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	char octet;
	int fd[2];

	make_pipe(fd);
	assert_int_equal(write(fd[1], "x", 1), 1);
	start(loop, &w, fd[0], WEIR_READ);
	turns(loop, 5);
	assert_int_equal(w.times, 5);
	assert_int_equal(read(fd[0], &octet, 1), 1);
	turns(loop, 2);
	assert_int_equal(w.times, 5);
	weir_io_stop(&w.io);
	close_both(fd);
}

static void the_end_is_told_as_readable(void **state)
{
	struct watch w = {.stop_after = 1};
	int fd[2];

	make_pipe(fd);
	start(loop_of(state), &w, fd[0], WEIR_READ);
	close(fd[1]);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_int_equal(w.seen, WEIR_READ);
	close(fd[0]);
}

static void an_error_is_told_as_what_is_wanted(void **state)
{
	struct watch w = {.stop_after = 1};
	int fd[2];

	make_pipe(fd);
	close(fd[0]);
	start(loop_of(state), &w, fd[1], WEIR_WRITE);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_int_equal(w.seen, WEIR_WRITE);
	close(fd[1]);
}

static void both_directions_of_a_socket_are_told(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	int fd[2];

	make_pair(fd);
	start(loop, &w, fd[0], WEIR_READ | WEIR_WRITE);
	turns(loop, 1);
	assert_int_equal(w.seen, WEIR_WRITE);
	assert_int_equal(write(fd[1], "x", 1), 1);
	turns(loop, 2);
	assert_int_equal(w.seen, WEIR_READ | WEIR_WRITE);
	weir_io_stop(&w.io);
	close_both(fd);
}

static void fill(int fd)
{
	static const char octets[4096];

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, octets, sizeof octets) > 0)
		continue;
}

static void a_full_pipe_is_writable_when_there_is_room_again(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	static char octets[1 << 16];
	int fd[2];

	make_pipe(fd);
	fill(fd[1]);
	start(loop, &w, fd[1], WEIR_WRITE);
	turns(loop, 2);
	assert_int_equal(w.times, 0);
	assert_true(read(fd[0], octets, sizeof octets) > 0);
	assert_int_equal(weir_loop_step(loop, 1000), 1);
	assert_int_equal(w.seen, WEIR_WRITE);
	weir_io_stop(&w.io);
	close_both(fd);
}

/* ---- want --------------------------------------------------------------- */

static void what_is_not_wanted_is_not_told_and_holds_nothing(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	int fd[2];

	make_pair(fd);
	assert_int_equal(write(fd[1], "x", 1), 1);
	start(loop, &w, fd[0], 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(w.times, 0);

	assert_int_equal(weir_io_want(&w.io, WEIR_READ), 0);
	assert_int_equal(weir_loop_step(loop, 1000), 1);
	assert_int_equal(w.seen, WEIR_READ);

	assert_int_equal(weir_io_want(&w.io, WEIR_WRITE), 0);
	w.seen = 0;
	turns(loop, 3);
	assert_int_equal(w.seen, WEIR_WRITE);

	assert_int_equal(weir_io_want(&w.io, 0), 0);
	w.seen = 0;
	assert_int_equal(weir_loop_run(loop), 0);
	turns(loop, 3);
	assert_int_equal(w.seen, 0);
	weir_io_stop(&w.io);
	close_both(fd);
}

/* Also a hang-up, which some kernels report whether one asks or not. */
static void what_is_not_wanted_is_not_told_of_an_end_either(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0}, other = {.stop_after = 0};
	int fd[2], more[2];

	make_pair(fd);
	make_pipe(more);
	start(loop, &w, fd[0], WEIR_READ);
	start(loop, &other, more[1], WEIR_WRITE);
	turns(loop, 1);
	assert_int_equal(weir_io_want(&w.io, 0), 0);
	close(fd[1]);
	turns(loop, 3);
	assert_int_equal(w.times, 0);
	assert_int_equal(other.times, 4);
	/* And it does not keep the loop from sleeping. */
	weir_io_stop(&other.io);
	weir_loop_hold(loop);
	const int64_t began = test_now_ms();
	assert_int_equal(weir_loop_step(loop, 20), 1);
	assert_int_equal(weir_loop_step(loop, 20), 1);
	assert_true(test_now_ms() - began >= 20);
	weir_loop_release(loop);
	weir_io_stop(&w.io);
	close(fd[0]);
	close_both(more);
}

static void wants_may_be_toggled_as_often_as_one_likes(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	int fd[2];

	make_pair(fd);
	assert_int_equal(write(fd[1], "x", 1), 1);
	start(loop, &w, fd[0], WEIR_READ);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(weir_io_want(&w.io, i % 4), 0);
	turns(loop, 2);
	assert_int_equal(w.seen, WEIR_READ | WEIR_WRITE);
	for (unsigned i = 0; i < 200; i++) {
		const unsigned want = i * 7 % 4;
		assert_int_equal(weir_io_want(&w.io, want), 0);
		w.seen = 0;
		turns(loop, 1);
		assert_int_equal(w.seen, want);
	}
	weir_io_stop(&w.io);
	close_both(fd);
}

static void masks_beyond_the_two_are_cut_off(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	int fd[2];

	make_pair(fd);
	start(loop, &w, fd[0], ~0u);
	turns(loop, 1);
	assert_int_equal(w.seen, WEIR_WRITE);
	assert_int_equal(weir_io_want(&w.io, 4), 0);
	assert_int_equal(weir_loop_step(loop, 0), 0);
	weir_io_stop(&w.io);
	close_both(fd);
}

/* ---- stopping ----------------------------------------------------------- */

static void a_watcher_may_stop_itself_and_again(void **state)
{
	struct watch w = {.stop_after = 1};
	int fd[2];

	make_pair(fd);
	start(loop_of(state), &w, fd[0], WEIR_WRITE);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_int_equal(w.times, 1);
	weir_io_stop(&w.io);
	assert_int_equal(weir_io_want(&w.io, WEIR_READ), WEIR_ESTATE);
	close_both(fd);
}

static void a_watcher_may_stop_another_of_the_same_batch(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch a = {.stop_after = 1}, b = {.stop_after = 1};
	int fd[2];

	make_pair(fd);
	a.victim = &b.io;
	b.victim = &a.io;
	start(loop, &a, fd[0], WEIR_WRITE);
	start(loop, &b, fd[1], WEIR_WRITE);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(a.times + b.times, 1);
	close_both(fd);
}

/* The first to be told closes the other's descriptor and opens another, which gets
   its number: the event that the batch still holds is not for the new one. */
struct swap {
	struct watch a, b, fresh;
	int fd[4];
	int spare;
};

static void swap_fn(weir_io *io, unsigned ready, void *arg)
{
	struct swap *s = arg;
	struct watch *other = io == &s->a.io ? &s->b : &s->a;
	const int number = other->io.fd;

	(void)ready;
	weir_io_stop(io);
	weir_io_stop(&other->io);
	close(number);
	assert_int_equal(dup2(s->spare, number), number);
	start(s->a.loop, &s->fresh, number, WEIR_READ);
}

static void a_number_used_again_within_a_batch_does_not_inherit_events(void **state)
{
	weir_loop *loop = loop_of(state);
	struct swap s = {.spare = -1};
	int empty[2];

	make_pair(s.fd);
	make_pair(s.fd + 2);
	make_pipe(empty);
	s.spare = empty[0];
	assert_int_equal(write(s.fd[1], "x", 1), 1);
	assert_int_equal(write(s.fd[3], "x", 1), 1);
	s.a.loop = loop;
	assert_int_equal(weir_io_start(loop, &s.a.io, s.fd[0], WEIR_READ, swap_fn, &s), 0);
	assert_int_equal(weir_io_start(loop, &s.b.io, s.fd[2], WEIR_READ, swap_fn, &s), 0);
	turns(loop, 3);
	assert_non_null(s.fresh.loop);
	assert_int_equal(s.fresh.times, 0);
	assert_int_equal(write(empty[1], "x", 1), 1);
	assert_int_equal(weir_loop_step(loop, 1000), 1);
	assert_int_equal(s.fresh.times, 1);
	weir_io_stop(&s.fresh.io);
	close_both(s.fd);
	close_both(s.fd + 2);
	close_both(empty);
}

static void a_stopped_watcher_may_start_again_with_something_else(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	int fd[2];

	make_pipe(fd);
	assert_int_equal(write(fd[1], "x", 1), 1);
	for (int i = 0; i < 50; i++) {
		start(loop, &w, fd[i % 2], i % 2 ? WEIR_WRITE : WEIR_READ);
		w.seen = 0;
		turns(loop, 1);
		assert_int_equal(w.seen, i % 2 ? WEIR_WRITE : WEIR_READ);
		weir_io_stop(&w.io);
	}
	assert_int_equal(weir_loop_run(loop), 0);
	close_both(fd);
}

/* ---- refused ------------------------------------------------------------ */

static void a_descriptor_is_watched_once(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0}, second = {.stop_after = 0};
	int fd[2];

	make_pair(fd);
	start(loop, &w, fd[0], WEIR_WRITE);
	assert_int_equal(weir_io_start(loop, &second.io, fd[0], WEIR_READ, watch_fn, &second),
	                 -EBUSY);
	weir_io_stop(&second.io);
	/* Started once more, it goes on as it was. */
	assert_int_equal(weir_io_start(loop, &w.io, fd[0], WEIR_READ, watch_fn, &w), -EBUSY);
	turns(loop, 1);
	assert_int_equal(w.seen, WEIR_WRITE);
	assert_int_equal(second.times, 0);
	weir_io_stop(&w.io);
	assert_int_equal(weir_loop_run(loop), 0);
	start(loop, &second, fd[0], WEIR_WRITE);
	turns(loop, 1);
	assert_int_equal(second.times, 1);
	weir_io_stop(&second.io);
	close_both(fd);
}

/* Which kernel sees at once that nothing is open there, and which with the wait,
   differs: it is refused, or told as ready. */
static void what_is_not_open_is_refused_or_told(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 1};
	int fd[2];

	assert_int_equal(weir_io_start(loop, &w.io, -1, WEIR_READ, watch_fn, &w), -EBADF);
	assert_int_equal(weir_io_start(loop, &w.io, INT32_MIN, 0, watch_fn, &w), -EBADF);
	assert_int_equal(weir_io_start(loop, &w.io, INT32_MAX, WEIR_READ, watch_fn, &w), -EBADF);
	make_pipe(fd);
	close_both(fd);
	const int result = weir_io_start(loop, &w.io, fd[0], WEIR_READ, watch_fn, &w);
	if (result < 0)
		assert_int_equal(result, -EBADF);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(w.times, result == 0);
}

static void without_memory_nothing_is_watched(void **state)
{
	struct test_bed *bed = *state;
	struct watch w = {.stop_after = 0};
	const int high = fcntl(0, F_DUPFD, 900);

	assert_true(high >= 900);
	bed->alloc.calls = 0;
	bed->alloc.fail_at = 1;
	bed->alloc.fail_after = true;
	assert_int_equal(weir_io_start(bed->loop, &w.io, high, WEIR_READ, watch_fn, &w), -ENOMEM);
	assert_true(bed->alloc.refused > 0);
	bed->alloc.fail_at = 0;
	assert_int_equal(weir_loop_run(bed->loop), 0);
	close(high);
}

/* ---- regular files ------------------------------------------------------ */

static int open_file(void)
{
	char path[256];

	snprintf(path, sizeof path, "%s/file", test_dir());
	const int fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void a_regular_file_is_always_ready(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	const int fd = open_file();

	start(loop, &w, fd, WEIR_READ);
	turns(loop, 3);
	assert_int_equal(w.times, 3);
	assert_int_equal(w.seen, WEIR_READ);
	assert_int_equal(weir_io_want(&w.io, WEIR_READ | WEIR_WRITE), 0);
	turns(loop, 1);
	assert_int_equal(w.seen, WEIR_READ | WEIR_WRITE);
	assert_int_equal(weir_io_want(&w.io, 0), 0);
	assert_int_equal(weir_loop_run(loop), 0);
	turns(loop, 2);
	assert_int_equal(w.times, 4);
	weir_io_stop(&w.io);
	close(fd);
}

static void a_regular_file_may_be_wanted_later(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 2};
	const int fd = open_file();

	start(loop, &w, fd, 0);
	turns(loop, 2);
	assert_int_equal(w.times, 0);
	assert_int_equal(weir_io_want(&w.io, WEIR_WRITE), 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(w.times, 2);
	close(fd);
}

static void a_regular_file_starves_nobody(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch file = {.stop_after = 0}, other = {.stop_after = 10};
	const int fd = open_file();
	int pair[2];

	make_pair(pair);
	start(loop, &file, fd, WEIR_READ);
	start(loop, &other, pair[0], WEIR_WRITE);
	turns(loop, 10);
	assert_int_equal(other.times, 10);
	assert_int_equal(file.times, 10);
	weir_io_stop(&file.io);
	close(fd);
	close_both(pair);
}

enum { FILES = 200, SOCKETS = 200 };

/* More of both than a batch holds: files take at most half of it, and within a few
   turns everybody has been told. */
static void many_files_share_the_batch_with_many_sockets(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch *files = calloc(FILES, sizeof *files);
	struct watch *sockets = calloc(SOCKETS, sizeof *sockets);
	struct rlimit limit;
	int pairs[SOCKETS / 2][2];

	assert_non_null(files);
	assert_non_null(sockets);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < FILES + SOCKETS + 64) {
		print_message("too few descriptors are allowed\n");
		free(files);
		free(sockets);
		skip();
	}
	const int first = open_file();
	for (int i = 0; i < FILES; i++)
		start(loop, &files[i], i ? fcntl(first, F_DUPFD, 3) : first, WEIR_READ);
	for (int i = 0; i < SOCKETS / 2; i++) {
		make_pair(pairs[i]);
		start(loop, &sockets[2 * i], pairs[i][0], WEIR_WRITE);
		start(loop, &sockets[2 * i + 1], pairs[i][1], WEIR_WRITE);
	}
	turns(loop, 1);
	int told_files = 0, told_sockets = 0;
	for (int i = 0; i < FILES; i++)
		told_files += files[i].times;
	for (int i = 0; i < SOCKETS; i++)
		told_sockets += sockets[i].times;
	assert_int_equal(told_files, WEIR__BATCH / 2);
	assert_int_equal(told_sockets, WEIR__BATCH / 2);
	turns(loop, 3);
	for (int i = 0; i < FILES; i++) {
		assert_in_range(files[i].times, 2, 3);
		const int fd = files[i].io.fd;
		weir_io_stop(&files[i].io);
		close(fd);
	}
	for (int i = 0; i < SOCKETS; i++) {
		assert_in_range(sockets[i].times, 1, 4);
		weir_io_stop(&sockets[i].io);
	}
	for (int i = 0; i < SOCKETS / 2; i++)
		close_both(pairs[i]);
	assert_int_equal(weir_loop_run(loop), 0);
	free(files);
	free(sockets);
}

static void the_number_of_a_file_may_become_a_socket_and_back(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};
	int pair[2];
	const int file = open_file();

	make_pair(pair);
	const int number = fcntl(file, F_DUPFD, 3);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(dup2(i % 2 ? pair[0] : file, number), number);
		start(loop, &w, number, WEIR_READ);
		w.times = 0;
		turns(loop, 2);
		assert_int_equal(w.times, i % 2 ? 0 : 2);
		weir_io_stop(&w.io);
	}
	assert_int_equal(loop->nalways, 0);
	close(file);
	close(number);
	close_both(pair);
}

/* ---- what a slot of the loop costs --------------------------------------- */

static void a_watcher_that_starts_and_stops_allocates_nothing(void **state)
{
	struct test_bed *bed = *state;
	struct watch w = {.stop_after = 0};
	int fd[2];

	make_pipe(fd);
	start(bed->loop, &w, fd[1], WEIR_WRITE);
	turns(bed->loop, 1);
	weir_io_stop(&w.io);
	bed->alloc.calls = 0;
	for (int i = 0; i < 20; i++) {
		start(bed->loop, &w, fd[1], WEIR_WRITE);
		turns(bed->loop, 1);
		weir_io_stop(&w.io);
	}
	assert_int_equal(bed->alloc.calls, 0);
	close_both(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(a_pipe_is_readable_when_there_are_octets),
		BED_TEST(what_is_ready_is_told_in_every_turn_while_it_holds),
		BED_TEST(the_end_is_told_as_readable),
		BED_TEST(an_error_is_told_as_what_is_wanted),
		BED_TEST(both_directions_of_a_socket_are_told),
		BED_TEST(a_full_pipe_is_writable_when_there_is_room_again),
		BED_TEST(what_is_not_wanted_is_not_told_and_holds_nothing),
		BED_TEST(what_is_not_wanted_is_not_told_of_an_end_either),
		BED_TEST(wants_may_be_toggled_as_often_as_one_likes),
		BED_TEST(masks_beyond_the_two_are_cut_off),
		BED_TEST(a_watcher_may_stop_itself_and_again),
		BED_TEST(a_watcher_may_stop_another_of_the_same_batch),
		BED_TEST(a_number_used_again_within_a_batch_does_not_inherit_events),
		BED_TEST(a_stopped_watcher_may_start_again_with_something_else),
		BED_TEST(a_descriptor_is_watched_once),
		BED_TEST(what_is_not_open_is_refused_or_told),
		BED_TEST(without_memory_nothing_is_watched),
		BED_TEST(a_regular_file_is_always_ready),
		BED_TEST(a_regular_file_may_be_wanted_later),
		BED_TEST(a_regular_file_starves_nobody),
		BED_TEST(many_files_share_the_batch_with_many_sockets),
		BED_TEST(the_number_of_a_file_may_become_a_socket_and_back),
		BED_TEST(a_watcher_that_starts_and_stops_allocates_nothing),
	};

	test_watchdog(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
