/*
 * What else than stream sockets can be polled, and what cannot? Pipes, terminals,
 * datagrams; files and devices that are always ready; numbers that are no
 * descriptors.
 */
#include "tests/backend/conform.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void a_pipe_with_data_is_readable(void **state)
{
	struct bed *b = *state;
	int p[2];

	pipe_pair(b, p);
	add(b, p[0], 7, IN);
	silence(b);
	say(p[1], "x");
	assert_int_equal(view(b, p[0], 7, IN), IN);
	assert_int_equal(view(b, p[0], 7, IN), IN);
	drain(p[0]);
	silence(b);
}

static void a_pipe_without_writers_is_readable(void **state)
{
	struct bed *b = *state;
	int p[2];

	pipe_pair(b, p);
	add(b, p[0], 7, IN);
	say(p[1], "x");
	shut(b, p[1]);
	assert_int_equal(view(b, p[0], 7, IN), IN);
	assert_int_equal(drain(p[0]), 1);
	assert_int_equal(view(b, p[0], 7, IN), IN);
}

static void a_pipe_with_room_is_writable(void **state)
{
	struct bed *b = *state;
	int p[2];

	pipe_pair(b, p);
	add(b, p[1], 7, OUT);
	assert_int_equal(view(b, p[1], 7, OUT), OUT);
	assert_int_equal(view(b, p[1], 7, OUT), OUT);
}

static void a_full_pipe_is_not_writable_until_it_is_read(void **state)
{
	struct bed *b = *state;
	int p[2];

	pipe_pair(b, p);
	fill(p[1]);
	add(b, p[1], 7, OUT);
	silence(b);
	assert_true(drain(p[0]) > 0);
	assert_int_equal(view(b, p[1], 7, OUT), OUT);
}

static void a_pipe_that_loses_its_reader_is_writable(void **state)
{
	struct bed *b = *state;
	int p[2];

	pipe_pair(b, p);
	fill(p[1]);
	add(b, p[1], 7, OUT);
	silence(b);
	shut(b, p[0]);
	assert_int_equal(view(b, p[1], 7, OUT), OUT);
	assert_int_equal(view(b, p[1], 7, OUT), OUT);
	assert_int_equal(write(p[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	trace("write to %s: EPIPE", trace_name(p[1]));
}

static void a_pipe_added_without_reader_is_writable_with_every_wait(void **state)
{
	struct bed *b = *state;
	int p[2];

	pipe_pair(b, p);
	shut(b, p[0]);
	add(b, p[1], 7, OUT);
	for (int i = 0; i < 3; i++)
		assert_int_equal(view(b, p[1], 7, OUT), OUT);
	change(b, p[1], 7, OUT, 0);
	silence(b);
}

static void a_dead_pipe_does_not_hide_others(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[4];
	int p[2];
	int s[2];

	pipe_pair(b, p);
	unix_pair(b, s);
	shut(b, p[0]);
	add(b, s[0], 1, IN);
	add(b, p[1], 2, OUT);
	say(s[1], "x");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(look(b, ev, 4, 1000), 2);
		assert_int_equal(canonical(event_of(ev, 2, s[0]), IN), IN);
		assert_int_equal(canonical(event_of(ev, 2, p[1]), OUT), OUT);
	}
}

static void a_dead_pipe_is_reported_where_only_one_event_fits(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int p[2];

	pipe_pair(b, p);
	shut(b, p[0]);
	add(b, p[1], 7, OUT);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(look(b, &ev, 1, 1000), 1);
		assert_int_equal(ev.fd, p[1]);
		assert_int_equal(ev.tag, 7);
		assert_int_equal(canonical(&ev, OUT), OUT);
	}
	drop_and_close(b, p[1], OUT);
	silence(b);
}

static void a_named_pipe_works_like_a_pipe(void **state)
{
	struct bed *b = *state;
	char dir[] = "/tmp/weir-conform-XXXXXX";
	char path[64];

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	int r = own(b, open(path, O_RDONLY | O_NONBLOCK));
	int w = own(b, open(path, O_WRONLY | O_NONBLOCK));
	(void)unlink(path);
	(void)rmdir(dir);
	add(b, r, 1, IN);
	silence(b);
	say(w, "x");
	assert_int_equal(view(b, r, 1, IN), IN);
	drain(r);
	add(b, w, 2, OUT);
	assert_int_equal(view(b, w, 2, OUT), OUT);
	drop_and_close(b, w, OUT);
	assert_int_equal(view(b, r, 1, IN), IN);
}

/* A terminal: t[0] the computer's side, t[1] the terminal's. */
static void terminal(struct bed *b, int t[2])
{
	t[0] = posix_openpt(O_RDWR | O_NOCTTY);
	if (t[0] < 0 || grantpt(t[0]) != 0 || unlockpt(t[0]) != 0) {
		if (t[0] >= 0)
			(void)close(t[0]);
		skip_because("no pseudo-terminal here");
	}
	own(b, t[0]);
	t[1] = own(b, open(ptsname(t[0]), O_RDWR | O_NOCTTY));
}

static void a_terminal_is_readable_line_by_line(void **state)
{
	struct bed *b = *state;
	int t[2];

	terminal(b, t);
	add(b, t[1], 7, IN);
	silence(b);
	say(t[0], "line\n");
	assert_int_equal(view(b, t[1], 7, IN), IN);
	assert_int_equal(drain(t[1]), 5);
	silence(b);
}

static void output_to_a_terminal_is_readable_at_its_other_side(void **state)
{
	struct bed *b = *state;
	int t[2];

	terminal(b, t);
	add(b, t[0], 7, IN);
	add(b, t[1], 8, OUT);
	assert_int_equal(view(b, t[1], 8, OUT), OUT);
	change(b, t[1], 8, OUT, 0);
	say(t[1], "x");
	assert_int_equal(view(b, t[0], 7, IN), IN);
}

static void a_terminal_that_hangs_up_is_readable(void **state)
{
	struct bed *b = *state;
	int t[2];

	terminal(b, t);
	add(b, t[1], 7, IN);
	silence(b);
	shut(b, t[0]);
	assert_int_equal(view(b, t[1], 7, IN), IN);
}

static int udp_to_itself(struct bed *b)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	int fd = own(b, socket(AF_INET, SOCK_DGRAM, 0));

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, len), 0);
	return fd;
}

static void datagrams_are_reported_until_each_is_read(void **state)
{
	struct bed *b = *state;
	int fd = udp_to_itself(b);

	add(b, fd, 7, IN);
	silence(b);
	say(fd, "one");
	say(fd, "two");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(view(b, fd, 7, IN), IN);
		assert_int_equal(get(fd, 8), 3);
	}
	silence(b);
}

static void an_empty_datagram_is_reported(void **state)
{
	struct bed *b = *state;
	int fd = udp_to_itself(b);

	add(b, fd, 7, IN);
	assert_int_equal(send(fd, "", 0, 0), 0);
	assert_int_equal(view(b, fd, 7, IN), IN);
	assert_int_equal(get(fd, 8), 0);
	silence(b);
}

static void a_datagram_socket_is_writable(void **state)
{
	struct bed *b = *state;
	int fd = udp_to_itself(b);

	add(b, fd, 7, OUT);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
}

static void a_unix_pair_reports_the_peers_close_for_both(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, BOTH);
	shut(b, s[1]);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
}

static void a_regular_file_is_not_polled(void **state)
{
	struct bed *b = *state;
	char path[] = "/tmp/weir-conform-XXXXXX";
	int fd = own(b, mkstemp(path));

	(void)unlink(path);
	trace("%s is a file", trace_name(fd));
	assert_int_equal(try_add(b, fd, 7, IN), 1);
	silence(b);
	assert_int_equal(try_add(b, fd, 7, OUT), 1);
	silence(b);
}

static void a_number_that_was_a_files_can_be_polled(void **state)
{
	struct bed *b = *state;
	char path[] = "/tmp/weir-conform-XXXXXX";
	int file = own(b, mkstemp(path));
	int s[2];

	(void)unlink(path);
	assert_int_equal(try_add(b, file, 7, IN), 1);
	drop(b, file, 0, false);
	shut(b, file);
	unix_pair(b, s);
	assert_int_equal(s[0], file);
	add(b, s[0], 8, IN);
	silence(b);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 8, IN), IN);
}

static void a_folder_is_not_polled(void **state)
{
	struct bed *b = *state;
	int fd = own(b, open("/", O_RDONLY));

	trace("%s is a folder", trace_name(fd));
	assert_int_equal(try_add(b, fd, 7, IN), 1);
	silence(b);
}

static void the_null_device_is_always_ready(void **state)
{
	struct bed *b = *state;
	int fd = own(b, open("/dev/null", O_RDWR));

	/* Refused, like a file, or taken and reported with every wait. */
	trace("add %s, the null device: always ready, or reported with every wait", trace_name(fd));
	trace_pause();
	int r = try_add(b, fd, 7, BOTH);
	assert_in_range(r, 0, 1);
	if (r == 0) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(view(b, fd, 7, BOTH), BOTH);
		change(b, fd, 7, BOTH, 0);
	}
	trace_resume();
	silence(b);
}

/* Adding may fail at once or be reported as an error. */
static void refused_or_reported(struct bed *b, int fd)
{
	struct weir__event ev;

	trace("add %s, which is closed: EBADF, or an error with the next wait", trace_name(fd));
	trace_pause();
	int r = try_add(b, fd, 7, IN);
	if (r == 0) {
		assert_int_equal(look(b, &ev, 1, 1000), 1);
		assert_int_equal(ev.fd, fd);
		assert_true(ev.ready & WEIR__ERR);
		drop(b, fd, IN, false);
	} else {
		assert_int_equal(r, -EBADF);
	}
	trace_resume();
	trace_forget(fd);
	silence(b);
}

static void a_closed_number_is_refused_or_reported(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	shut(b, s[0]);
	refused_or_reported(b, s[0]);
}

static void a_negative_number_is_refused(void **state)
{
	struct bed *b = *state;

	assert_int_equal(try_add(b, -1, 7, IN), -EBADF);
	drop(b, -1, 0, false);
	silence(b);
}

static void after_a_refusal_the_number_can_be_added(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	int number = s[0];
	shut(b, s[1]);
	shut(b, s[0]);
	refused_or_reported(b, number);
	unix_pair(b, s);
	assert_int_equal(s[0], number);
	add(b, s[0], 8, IN);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 8, IN), IN);
}

/* ---- named pipes ---- */

/* The path of a new named pipe, in a folder of its own; both go with unlink_fifo. */
struct fifo {
	char dir[32];
	char path[64];
};

static void make_fifo(struct fifo *f)
{
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/weir-conform-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/fifo", f->dir);
	assert_int_equal(mkfifo(f->path, 0600), 0);
}

static void unlink_fifo(const struct fifo *f)
{
	(void)unlink(f->path);
	(void)rmdir(f->dir);
}

static int open_fifo(struct bed *b, const struct fifo *f, int how)
{
	int fd = own(b, open(f->path, how | O_NONBLOCK));

	trace("open a named pipe to %s: %s", how == O_RDONLY ? "read" : "write", trace_name(fd));
	return fd;
}

static void a_named_pipe_without_writer_is_readable_when_one_has_written(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	struct fifo f;

	make_fifo(&f);
	int r = open_fifo(b, &f, O_RDONLY);
	add(b, r, 1, IN);
	/* Some kernels say that it has ended, some that it has not begun. */
	trace("wait: %s in, or nothing", trace_name(r));
	trace_pause();
	if (look(b, &ev, 1, 10) == 1)
		assert_int_equal(drain(r), 0);
	trace_resume();
	int w = open_fifo(b, &f, O_WRONLY);
	unlink_fifo(&f);
	say(w, "x");
	assert_int_equal(view(b, r, 1, IN), IN);
	assert_int_equal(get(r, 8), 1);
	silence(b);
}

static void a_named_pipe_that_lost_its_writer_can_have_another(void **state)
{
	struct bed *b = *state;
	struct fifo f;

	make_fifo(&f);
	int r = open_fifo(b, &f, O_RDONLY);
	int w = open_fifo(b, &f, O_WRONLY);
	add(b, r, 1, IN);
	silence(b);
	say(w, "x");
	shut(b, w);
	assert_int_equal(view(b, r, 1, IN), IN);
	assert_int_equal(get(r, 8), 1);
	assert_int_equal(view(b, r, 1, IN), IN);
	assert_int_equal(get(r, 8), 0);
	w = open_fifo(b, &f, O_WRONLY);
	unlink_fifo(&f);
	silence(b);
	say(w, "yz");
	assert_int_equal(view(b, r, 1, IN), IN);
	assert_int_equal(get(r, 8), 2);
}

static void a_named_pipe_that_lost_its_reader_is_writable(void **state)
{
	struct bed *b = *state;
	struct fifo f;

	make_fifo(&f);
	int r = open_fifo(b, &f, O_RDONLY);
	int w = open_fifo(b, &f, O_WRONLY);
	unlink_fifo(&f);
	fill(w);
	add(b, w, 1, OUT);
	silence(b);
	shut(b, r);
	assert_int_equal(view(b, w, 1, OUT), OUT);
	assert_int_equal(view(b, w, 1, OUT), OUT);
}

/* ---- more of terminals, datagrams, and others ---- */

static void a_terminal_whose_programs_have_gone_is_readable_at_its_other_side(void **state)
{
	struct bed *b = *state;
	int t[2];

	terminal(b, t);
	add(b, t[0], 7, IN);
	silence(b);
	shut(b, t[1]);
	assert_int_equal(view(b, t[0], 7, IN), IN);
}

static void a_refused_datagram_is_readable(void **state)
{
	struct bed *b = *state;
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	int gone = udp_to_itself(b);
	int fd = own(b, socket(AF_INET, SOCK_DGRAM, 0));

	assert_int_equal(getsockname(gone, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, len), 0);
	shut(b, gone);
	add(b, fd, 7, IN);
	silence(b);
	say(fd, "to nobody");
	assert_int_equal(view(b, fd, 7, IN), IN);
	assert_int_equal(get(fd, 8), -ECONNREFUSED);
	silence(b);
}

static void a_unix_listener_is_reported_until_all_are_accepted(void **state)
{
	struct bed *b = *state;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/weir-conform-XXXXXX";
	int listener = own(b, socket(AF_UNIX, SOCK_STREAM, 0));
	int client = own(b, socket(AF_UNIX, SOCK_STREAM, 0));

	assert_non_null(mkdtemp(dir));
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", dir);
	assert_int_equal(bind(listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(listener, 5), 0);
	add(b, listener, 7, IN);
	silence(b);
	const int r = connect(client, (struct sockaddr *)&sun, sizeof(sun));
	(void)unlink(sun.sun_path);
	(void)rmdir(dir);
	assert_int_equal(r, 0);
	trace("connect to it");
	assert_int_equal(view(b, listener, 7, IN), IN);
	int accepted = tcp_accept(b, listener);
	silence(b);
	add(b, accepted, 8, IN);
	shut(b, client);
	assert_int_equal(view(b, accepted, 8, IN), IN);
}

static void a_number_far_beyond_all_is_refused(void **state)
{
	struct bed *b = *state;
	const int r = weir__poller_set(b->p, 1 << 30, 7, 0, IN);

	trace("add a number far beyond all: refused");
	assert_true(r == -EBADF || r == -EMFILE);
	weir__poller_drop(b->p, 1 << 30, 0, false);
	silence(b);
}

static void a_number_that_was_never_added_cannot_be_changed(void **state)
{
	struct bed *b = *state;
	const int beyond = 900; /* what the poller remembers of the others ends before it */
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, OUT);
	assert_int_equal(fcntl(beyond, F_GETFD), -1);
	trace("change a number that was never added from in to in+out: EBADF; drop it");
	assert_int_equal(weir__poller_set(b->p, beyond, 8, IN, BOTH), -EBADF);
	weir__poller_drop(b->p, beyond, BOTH, false);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void all_kinds_come_in_one_wait(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[16];
	int tcp[2];
	int local[2];
	int p[2];
	int t[2];

	terminal(b, t);
	tcp_pair(b, tcp);
	unix_pair(b, local);
	pipe_pair(b, p);
	int udp = udp_to_itself(b);
	say(tcp[1], "x");
	say(local[1], "x");
	say(p[1], "x");
	say(t[0], "line\n");
	say(udp, "x");
	const int all[] = {tcp[0], local[0], p[0], t[1], udp, p[1]};
	for (uint32_t i = 0; i < 5; i++)
		add(b, all[i], i, IN);
	add(b, all[5], 5, OUT);
	for (int i = 0; i < 2; i++)
		assert_int_equal(look(b, ev, 16, 1000), 6);
}

int conform_kinds(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(a_pipe_with_data_is_readable),
		BED_TEST(a_pipe_without_writers_is_readable),
		BED_TEST(a_pipe_with_room_is_writable),
		BED_TEST(a_full_pipe_is_not_writable_until_it_is_read),
		BED_TEST(a_pipe_that_loses_its_reader_is_writable),
		BED_TEST(a_pipe_added_without_reader_is_writable_with_every_wait),
		BED_TEST(a_dead_pipe_does_not_hide_others),
		BED_TEST(a_dead_pipe_is_reported_where_only_one_event_fits),
		BED_TEST(a_named_pipe_works_like_a_pipe),
		BED_TEST(a_terminal_is_readable_line_by_line),
		BED_TEST(output_to_a_terminal_is_readable_at_its_other_side),
		BED_TEST(a_terminal_that_hangs_up_is_readable),
		BED_TEST(datagrams_are_reported_until_each_is_read),
		BED_TEST(an_empty_datagram_is_reported),
		BED_TEST(a_datagram_socket_is_writable),
		BED_TEST(a_unix_pair_reports_the_peers_close_for_both),
		BED_TEST(a_regular_file_is_not_polled),
		BED_TEST(a_number_that_was_a_files_can_be_polled),
		BED_TEST(a_folder_is_not_polled),
		BED_TEST(the_null_device_is_always_ready),
		BED_TEST(a_closed_number_is_refused_or_reported),
		BED_TEST(a_negative_number_is_refused),
		BED_TEST(after_a_refusal_the_number_can_be_added),
		BED_TEST(a_named_pipe_without_writer_is_readable_when_one_has_written),
		BED_TEST(a_named_pipe_that_lost_its_writer_can_have_another),
		BED_TEST(a_named_pipe_that_lost_its_reader_is_writable),
		BED_TEST(a_terminal_whose_programs_have_gone_is_readable_at_its_other_side),
		BED_TEST(a_refused_datagram_is_readable),
		BED_TEST(a_unix_listener_is_reported_until_all_are_accepted),
		BED_TEST(a_number_far_beyond_all_is_refused),
		BED_TEST(a_number_that_was_never_added_cannot_be_changed),
		BED_TEST(all_kinds_come_in_one_wait),
	};

	return cmocka_run_group_tests_name("kinds of descriptors", tests, NULL, NULL);
}
