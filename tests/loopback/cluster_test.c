/*
 * cluster_test.c: do a master and its workers keep their promises, whatever happens to any
 * of them? Names in comments are those of Node's own tests of 2011 (v0.6).
 */
#include "tests/support/hive.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/loop.h"

/* What is said to take 50 ms takes longer on a machine that does much else. Who drains may
   take 30 s: who has been ended does not. */
enum { SOON_MS = 500, GONE_MS = 5000 };

static int64_t ms_between(int64_t from_us, int64_t to_us)
{
	return (to_us - from_us) / 1000;
}

/* ---- workers that serve -------------------------------------------------- */

/* Connects until each of n workers has answered; they stay open. */
static int connect_to_all(struct hive *h, int n, int *fds, int32_t *pids)
{
	int nfds = 0;

	for (int found = 0; found < n;) {
		struct answer who;

		assert_true(nfds < 200);
		fds[nfds++] = hive_connect(h, &who);
		assert_in_range(who.id, 1, n);
		found += pids[who.id - 1] == 0;
		pids[who.id - 1] = who.pid;
	}
	return nfds;
}

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		(void)close(fds[i]);
}

static void workers_are_ready_and_each_of_them_serves(void **state)
{
	struct hive *h = *state;
	int32_t pids[3] = {0};
	int fds[200];

	hive_start(h, 3);
	assert_int_equal(weir_cluster_start(h->cluster), WEIR_ESTATE);
	const int n = connect_to_all(h, 3, fds, pids);
	for (int id = 1; id <= 3; id++) {
		assert_int_equal(hive_count(h, 'y', id), 1);
		assert_int_equal(hive_pid(h, id), pids[id - 1]);
		assert_int_not_equal(pids[id - 1], getpid());
	}
	close_all(fds, n);
	assert_int_equal(h->n, 3);
	hive_free(h);
}

static void expect_same_figures(const weir_worker_info *a, const weir_worker_info *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->accepted, b->accepted);
	assert_int_equal(a->conns, b->conns);
	assert_int_equal(a->requests, b->requests);
}

static void figures_are_the_same_in_the_master_and_in_a_worker(void **state)
{
	struct hive *h = *state;
	int32_t pids[3] = {0};
	weir_worker_info here[4], first = {.id = -1};
	struct figures there;
	int fds[200];

	hive_start(h, 3);
	const int n = connect_to_all(h, 3, fds, pids);
	uint32_t accepted = 0;
	assert_int_equal(weir_cluster_workers(h->cluster, here, 4), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(here[i].id, i + 1);
		assert_int_equal(here[i].state, WEIR_WORKER_SERVING);
		assert_int_equal(here[i].accepted, here[i].conns);
		accepted += here[i].accepted;
	}
	assert_int_equal(accepted, n);
	raw_write(fds[0], "f", 1);
	assert_true(hive_read(h, fds[0], &there, sizeof there));
	assert_int_equal(there.n, 3);
	for (int i = 0; i < 3; i++)
		expect_same_figures(&here[i], &there.info[i]);

	/* There may be more of them than are asked about. */
	assert_int_equal(weir_cluster_workers(h->cluster, &first, 1), 3);
	expect_same_figures(&first, &here[0]);
	assert_int_equal(weir_cluster_workers(h->cluster, NULL, 0), 3);

	close_all(fds, n);
	while (hive_conns(h) > 0)
		hive_turn(h);
	assert_int_equal(weir_cluster_workers(h->cluster, here, 4), 3);
	assert_int_equal(here[0].accepted + here[1].accepted + here[2].accepted, n);
	hive_free(h);
}

static void requests_of_http_are_counted(void **state)
{
	struct hive *h = *state;
	char text[1024];

	h->plan.http = true;
	hive_start(h, 1);
	const int fd = raw_connect(h->address);
	for (uint32_t i = 1; i <= 3; i++) {
		hive_get(h, fd, "/id");
		hive_reply(h, fd, text, sizeof text);
		assert_non_null(strstr(text, "\r\n\r\n1"));
		assert_int_equal(hive_info(h, 1).requests, i);
	}
	assert_int_equal(hive_info(h, 1).accepted, 1);
	(void)close(fd);
	hive_free(h);
}

static void await_message(struct hive *h, int n)
{
	while (h->messages < n)
		hive_turn(h);
}

static void messages_go_both_ways(void **state)
{
	struct hive *h = *state;
	int fd[2];
	char text[4];

	hive_start(h, 2);
	assert_true(weir_cluster_send(h->cluster, 2, 7, "hello", 5, -1) >= 0);
	await_message(h, 1);
	assert_int_equal(h->from, 2);
	assert_int_equal(h->type, 7);
	assert_string_equal(h->text, "hello");

	/* With a descriptor, which is the worker's then. */
	assert_int_equal(pipe(fd), 0);
	assert_true(weir_cluster_send(h->cluster, 1, 8, "", 0, fd[1]) >= 0);
	await_message(h, 2);
	assert_int_equal(h->from, 1);
	assert_string_equal(h->text, "");
	assert_true(read(fd[0], text, 4) == 4 && memcmp(text, "told", 4) == 0);
	while (fcntl(fd[1], F_GETFD) >= 0)
		hive_turn(h);
	(void)close(fd[0]);
	hive_free(h);
}

static void there_are_as_many_workers_as_processors(void **state)
{
	struct hive *h = *state;
	const long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n > HIVE_ALL)
		skip();
	h->opts.workers = 0;
	assert_int_equal(weir_cluster_new(&h->cluster, h->net->loop, &h->opts), 0);
	assert_int_equal(weir_cluster_listen(h->cluster, "127.0.0.1:0", NULL), 0);
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	while (h->readies < n)
		hive_turn(h);
	assert_int_equal(hive_in_state(h, 0), n);
	hive_free(h);
}

static void a_message_to_nobody_is_refused(void **state)
{
	struct hive *h = *state;
	int fd[2];

	hive_open(h, 1);
	assert_int_equal(weir_cluster_send(h->cluster, 1, 7, "x", 1, -1), -ESRCH);
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	while (!h->readies)
		hive_turn(h);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(weir_cluster_send(h->cluster, 2, 7, "x", 1, fd[1]), -ESRCH);
	assert_int_equal(weir_cluster_send(h->cluster, 0, 7, "x", 1, fd[1]), -ESRCH);
	assert_int_equal(weir_cluster_send(h->cluster, 1, WEIR_CHAN_TYPES, "x", 1, fd[1]),
	                 WEIR_EINVALID);
	hive_kill(h, 1, SIGKILL);
	while (!h->exits)
		hive_turn(h);
	assert_int_equal(weir_cluster_send(h->cluster, 1, 7, "x", 1, fd[1]), -ESRCH);
	/* It is still ours. */
	assert_int_equal(close(fd[1]), 0);
	assert_int_equal(close(fd[0]), 0);
	hive_free(h);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct hive *h = *state;
	weir_cluster *c = (weir_cluster *)h;
	char text[64];

	h->opts.workers = 257;
	assert_int_equal(weir_cluster_new(&c, h->net->loop, &h->opts), WEIR_EINVALID);
	assert_null(c);
	h->opts.workers = -1;
	assert_int_equal(weir_cluster_new(&c, h->net->loop, &h->opts), WEIR_EINVALID);
	h->opts.workers = 1;
	h->opts.setup = NULL;
	assert_int_equal(weir_cluster_new(&c, h->net->loop, &h->opts), WEIR_EINVALID);
	h->opts.setup = hive_setup_worker;
	h->opts.policy = (weir_policy)3;
	assert_int_equal(weir_cluster_new(&c, h->net->loop, &h->opts), WEIR_EINVALID);
	h->opts.policy = h->policy;
	hive_open(h, 2);
	assert_int_equal(weir_cluster_address(h->cluster, 1, text, sizeof text), -ENOENT);
	assert_int_equal(weir_cluster_listen(h->cluster, "nonsense", NULL), WEIR_EADDRESS);
	assert_int_equal(weir_cluster_reload(h->cluster), WEIR_ESTATE);
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	assert_int_equal(weir_cluster_listen(h->cluster, "127.0.0.1:0", NULL), WEIR_ESTATE);
	weir_cluster_drain(h->cluster, 0);
	assert_int_equal(weir_cluster_reload(h->cluster), WEIR_ESTATE);
	assert_int_equal(weir_cluster_start(h->cluster), WEIR_ESTATE);
	hive_free(h);
	weir_cluster_free(NULL);
}

/* ---- workers that die ---------------------------------------------------- */

/* test-cluster-worker-death */
static void a_worker_that_exits_is_told_of_once_and_replaced(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	const int fd = hive_connect_to(h, 2);
	raw_write(fd, "x", 1);
	while (!h->exits || h->readies < 3)
		hive_turn(h);
	assert_int_equal(hive_ask(h, fd).id, 0);
	(void)close(fd);
	assert_int_equal(hive_count(h, 'x', 2), 1);
	assert_int_equal(h->calls[2].what, 'x');
	assert_int_equal(h->calls[2].code, 42);
	assert_int_equal(h->calls[2].signo, 0);
	assert_int_equal(hive_count(h, 'y', 3), 1);
	(void)close(hive_connect_to(h, 3));
	hive_turns(h, 50);
	assert_int_equal(h->exits, 1);
	assert_int_equal(hive_in_state(h, 0), 2);
	hive_free(h);
}

static void a_killed_worker_is_replaced_while_others_serve_on(void **state)
{
	struct hive *h = *state;
	struct answer who;

	hive_start(h, 2);
	const int other = hive_connect_to(h, 1);
	const int64_t killed = test_now_us();
	hive_kill(h, 2, SIGKILL);
	while (h->readies < 3)
		hive_turn(h);
	const int64_t ready = test_now_us();
	do
		(void)close(hive_connect(h, &who));
	while (who.id != 3);
	const int64_t served = test_now_us();
	print_message("ready %lld us after a kill, serves after %lld us\n",
	              (long long)(ready - killed), (long long)(served - killed));
	assert_true(ms_between(killed, served) < SOON_MS);
	assert_int_equal(hive_count(h, 'x', 2), 1);
	assert_int_equal(h->calls[2].signo, SIGKILL);
	assert_int_equal(h->calls[2].code, -1);
	assert_int_equal(hive_ask(h, other).id, 1);
	(void)close(other);
	hive_free(h);
}

static void who_waits_when_all_are_killed_is_served_by_the_next(void **state)
{
	struct hive *h = *state;
	int fds[40];

	hive_start(h, 2);
	hive_kill_all(h, SIGSTOP);
	for (int i = 0; i < 40; i++) {
		fds[i] = raw_connect(h->address);
		raw_write(fds[i], "?", 1);
	}
	hive_turns(h, 20);
	hive_kill_all(h, SIGKILL);
	for (int i = 0; i < 40; i++)
		assert_in_range(hive_answer(h, fds[i]).id, 3, 4);
	close_all(fds, 40);
	hive_free(h);
}

static int64_t nth(const struct hive *h, char what, int n)
{
	for (int i = 0; i < h->n; i++)
		if (h->calls[i].what == what && --n == 0)
			return h->calls[i].at;
	fail();
	return 0;
}

/* Who is replaced at once has been when its end is told. */
static int alive_at_exit(const struct hive *h, int n)
{
	for (int i = 0; i < h->n; i++)
		if (h->calls[i].what == 'x' && --n == 0)
			return h->calls[i].alive;
	return -1;
}

static void await_exits(struct hive *h, int n)
{
	while (h->exits < n)
		hive_turn(h);
}

static void deaths_before_being_ready_are_followed_by_growing_delays(void **state)
{
	struct hive *h = *state;

	h->plan.fails = true;
	hive_open(h, 1);
	const int64_t start = test_now_us();
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	await_exits(h, 6);
	assert_int_equal(h->calls[0].code, 1);
	/* Three at once, then each time twice as long. */
	for (int n = 1; n <= 6; n++)
		assert_int_equal(alive_at_exit(h, n), n < 3);
	const int64_t third = nth(h, 'x', 3);
	assert_true(ms_between(third, nth(h, 'x', 4)) >= 100);
	assert_true(ms_between(nth(h, 'x', 4), nth(h, 'x', 5)) >= 200);
	assert_true(ms_between(nth(h, 'x', 5), nth(h, 'x', 6)) >= 400);
	print_message("3 deaths after %lld us, 6 after %lld us\n", (long long)(third - start),
	              (long long)(nth(h, 'x', 6) - start));

	/* One that is ready ends that. */
	h->plan.fails = false;
	while (!h->readies)
		hive_turn(h);
	hive_kill(h, 7, SIGKILL);
	await_exits(h, 7);
	assert_int_equal(alive_at_exit(h, 7), 1);
	hive_free(h);
}

static void deaths_soon_after_being_ready_are_followed_by_delays(void **state)
{
	struct hive *h = *state;

	h->plan.lives_ms = 1;
	hive_start(h, 1);
	await_exits(h, 7);
	for (int i = 0; i < h->n; i++)
		assert_true(h->calls[i].what == 'y' || h->calls[i].code == 7);
	for (int n = 1; n <= 7; n++)
		assert_int_equal(alive_at_exit(h, n), n < 5);
	assert_true(ms_between(nth(h, 'x', 5), nth(h, 'y', 6)) >= 100);
	assert_true(ms_between(nth(h, 'x', 6), nth(h, 'y', 7)) >= 200);

	/* One that has lived for a second ends that. */
	h->plan.lives_ms = 0;
	while (h->readies < 8)
		hive_turn(h);
	while (ms_between(nth(h, 'y', 8), test_now_us()) < 1010)
		hive_turns(h, 50);
	hive_kill(h, 8, SIGKILL);
	await_exits(h, 8);
	assert_int_equal(alive_at_exit(h, 8), 1);
	hive_free(h);
}

static void one_that_is_not_ready_in_time_is_replaced(void **state)
{
	struct hive *h = *state;

	h->plan.mute = true;
	h->opts.ready_ms = 300;
	hive_open(h, 1);
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	assert_int_equal(hive_info(h, 1).state, WEIR_WORKER_STARTING);
	await_exits(h, 1);
	assert_int_equal(h->calls[0].signo, SIGKILL);
	h->plan.mute = false;
	while (!h->readies)
		hive_turn(h);
	assert_true(h->calls[h->n - 1].id > 1);
	hive_free(h);
}

/* ---- reloads ---------------------------------------------------------------- */

static void await_reload(struct hive *h, int n)
{
	while (h->reloads < n)
		hive_turn(h);
}

static void await_workers(struct hive *h, int n)
{
	while (hive_in_state(h, 0) != n)
		hive_turn(h);
}

static void new_ones_are_ready_before_old_ones_end(void **state)
{
	struct hive *h = *state;

	hive_start(h, 3);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	while (h->reloads < 1) {
		hive_turn(h);
		assert_true(hive_in_state(h, WEIR_WORKER_SERVING) >= 3);
	}
	assert_int_equal(h->status, 0);
	await_workers(h, 3);
	for (int id = 1; id <= 3; id++) {
		assert_int_equal(hive_count(h, 'y', id + 3), 1);
		assert_int_equal(hive_count(h, 'x', id), 1);
		assert_true(hive_when(h, 'y', id + 3) < hive_when(h, 'x', id));
	}
	assert_int_equal(h->readies, 6);
	for (int i = 0; i < h->n; i++)
		if (h->calls[i].what == 'x')
			assert_int_equal(h->calls[i].code, 0);
	/* They stand in the order of their places, which are those of the old ones. */
	weir_worker_info info[3];
	assert_int_equal(weir_cluster_workers(h->cluster, info, 3), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(info[i].id, i + 4);
	(void)close(hive_connect(h, NULL));
	hive_free(h);
}

static void nobody_is_turned_away_by_a_reload(void **state)
{
	struct hive *h = *state;
	int reloads = 0;

	hive_start(h, 2);
	while (h->reloads < 6) {
		const int fd = raw_connect(h->address);

		if (h->reloads == reloads) {
			assert_int_equal(weir_cluster_reload(h->cluster), 0);
			reloads++;
		}
		assert_true(hive_ask(h, fd).id > 0);
		(void)close(fd);
	}
	hive_free(h);
}

static void a_request_in_progress_is_finished_by_the_old_worker(void **state)
{
	struct hive *h = *state;
	char text[1024];

	h->plan.http = true;
	hive_start(h, 1);
	const int slow = raw_connect(h->address);
	hive_get(h, slow, "/slow");
	while (hive_info(h, 1).requests < 1)
		hive_turn(h);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 1);
	assert_int_equal(hive_info(h, 1).state, WEIR_WORKER_DRAINING);
	assert_true(weir_cluster_send(h->cluster, 1, HIVE_GO, "", 0, -1) >= 0);
	hive_reply(h, slow, text, sizeof text);
	assert_non_null(strstr(text, "Connection: close\r\n"));
	assert_non_null(strstr(text, "\r\n\r\n1"));
	(void)close(slow);
	await_workers(h, 1);
	hive_free(h);
}

static void who_keeps_a_connection_gets_one_more_reply(void **state)
{
	struct hive *h = *state;
	char text[1024];

	h->plan.http = true;
	h->plan.tells_of_drain = true;
	hive_start(h, 1);
	const int fd = raw_connect(h->address);
	hive_get(h, fd, "/id");
	hive_reply(h, fd, text, sizeof text);
	assert_null(strstr(text, "Connection: close\r\n"));
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_message(h, 1);
	hive_get(h, fd, "/id");
	hive_reply(h, fd, text, sizeof text);
	assert_non_null(strstr(text, "Connection: close\r\n"));
	assert_non_null(strstr(text, "\r\n\r\n1"));
	assert_false(hive_read(h, fd, text, 1));
	(void)close(fd);
	await_workers(h, 1);
	hive_free(h);
}

static void reloads_during_a_reload_are_one_more(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 2);
	await_workers(h, 2);
	hive_turns(h, 20);
	assert_int_equal(h->reloads, 2);
	assert_int_equal(h->readies, 6);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 3);
	assert_int_equal(h->readies, 8);
	hive_free(h);
}

static void when_new_ones_die_the_old_ones_serve_on(void **state)
{
	struct hive *h = *state;
	struct answer who;

	hive_start(h, 2);
	const int fd = hive_connect_to(h, 2);
	h->plan.fails = true;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 1);
	assert_int_equal(h->status, WEIR_ECLOSED);
	assert_int_equal(h->exits, 6);
	assert_int_equal(hive_in_state(h, 0), 2);
	assert_int_equal(hive_in_state(h, WEIR_WORKER_SERVING), 2);
	assert_int_equal(hive_ask(h, fd).id, 2);
	(void)close(hive_connect(h, &who));
	assert_in_range(who.id, 1, 2);

	/* Which does not stand in the way of the next reload. */
	h->plan.fails = false;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 2);
	assert_int_equal(h->status, 0);
	assert_int_equal(hive_in_state(h, WEIR_WORKER_SERVING), 2);
	(void)close(fd);
	hive_free(h);
}

static void when_new_ones_are_never_ready_the_old_one_serves_on(void **state)
{
	struct hive *h = *state;
	struct answer who;

	h->opts.ready_ms = 300;
	hive_start(h, 1);
	h->plan.mute = true;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 1);
	assert_int_equal(h->status, WEIR_ETIMEOUT);
	assert_int_equal(h->exits, 3);
	(void)close(hive_connect(h, &who));
	assert_int_equal(who.id, 1);
	hive_free(h);
}

/* The second of two workers is not there, and its replacement is put off. */
static void put_off(struct hive *h)
{
	h->plan.from = 3;
	h->plan.fails = true;
	hive_start(h, 2);
	hive_kill(h, 2, SIGKILL);
	await_exits(h, 4);
	assert_int_equal(hive_in_state(h, 0), 1);
}

static void a_reload_does_not_wait_for_what_was_put_off(void **state)
{
	struct hive *h = *state;

	put_off(h);
	h->plan.fails = false;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 1);
	assert_int_equal(h->status, 0);
	assert_int_equal(hive_in_state(h, WEIR_WORKER_SERVING), 2);
	assert_int_equal(h->readies, 4);
	await_workers(h, 2);
	hive_turns(h, 150);
	assert_int_equal(h->readies, 4);
	hive_free(h);
}

/* Where nobody was and new ones die, it is tried again later. */
static void a_reload_that_fails_in_an_empty_place_leaves_it_to_be_filled(void **state)
{
	struct hive *h = *state;

	put_off(h);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 1);
	assert_int_equal(h->status, WEIR_ECLOSED);
	assert_int_equal(hive_info(h, 1).state, WEIR_WORKER_SERVING);
	h->plan.fails = false;
	while (hive_in_state(h, WEIR_WORKER_SERVING) < 2)
		hive_turn(h);
	hive_free(h);
}

static void a_worker_that_is_killed_during_a_reload_is_replaced_by_it(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->plan.mute = true;
	h->plan.from = 4;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	h->plan.mute = false;
	hive_kill(h, 1, SIGKILL);
	hive_kill(h, 4, SIGKILL);
	await_reload(h, 1);
	assert_int_equal(h->status, 0);
	await_workers(h, 2);
	hive_turns(h, 20);
	/* 3 for 1; 5 for 4, and for 2. */
	assert_int_equal(hive_in_state(h, WEIR_WORKER_SERVING), 2);
	assert_int_equal(h->readies, 4);
	assert_int_equal(hive_info(h, 3).state, WEIR_WORKER_SERVING);
	assert_int_equal(hive_info(h, 5).state, WEIR_WORKER_SERVING);
	hive_free(h);
}

static void there_are_at_most_four_processes_for_a_place(void **state)
{
	struct hive *h = *state;
	int fds[8], n = 0;

	hive_start(h, 2);
	/* Each generation has a client that does not go. */
	for (int i = 0; i < 4; i++) {
		fds[n++] = hive_connect_to(h, 2 * i + 1);
		fds[n++] = hive_connect_to(h, 2 * i + 2);
		assert_int_equal(weir_cluster_reload(h->cluster), 0);
		for (int j = 0; i < 3 ? h->reloads <= i : j < 50; j++) {
			hive_turn(h);
			assert_true(hive_in_state(h, 0) <= 8);
		}
	}
	for (int i = 0; i < 20; i++)
		assert_int_equal(weir_cluster_reload(h->cluster), 0);
	hive_turns(h, 50);
	assert_int_equal(h->reloads, 3);
	assert_int_equal(hive_in_state(h, 0), 8);
	/* One that dies now is replaced all the same, and that was its reload. */
	hive_kill(h, 7, SIGKILL);
	while (h->readies < 9) {
		hive_turn(h);
		assert_true(hive_in_state(h, 0) <= 8);
	}
	close_all(fds, n);
	await_reload(h, 5);
	await_workers(h, 2);
	assert_int_equal(h->status, 0);
	hive_free(h);
}

static void who_is_replaced_knows_that_others_go_on(void **state)
{
	struct hive *h = *state;

	h->plan.tells_of_drain = true;
	hive_start(h, 1);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_message(h, 1);
	assert_int_equal(h->from, 1);
	assert_int_equal(h->type, HIVE_RELIEVED);
	assert_string_equal(h->text, "y");
	await_reload(h, 1);
	weir_cluster_drain(h->cluster, 1000);
	await_message(h, 2);
	assert_int_equal(h->from, 2);
	assert_string_equal(h->text, "n");
	while (!h->draineds)
		hive_turn(h);
	hive_free(h);
}

/* Of which nobody is told: there is nothing left to be reloaded. */
static void a_drain_ends_a_reload(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->plan.mute = true;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	weir_cluster_drain(h->cluster, 0);
	while (!h->draineds)
		hive_turn(h);
	assert_int_equal(h->reloads, 0);
	assert_int_equal(h->readies, 2);
	assert_int_equal(h->exits, 4);
	hive_free(h);
}

/* ---- draining --------------------------------------------------------------- */

static void idle_workers_end_at_once(void **state)
{
	struct hive *h = *state;

	hive_start(h, 3);
	const int64_t began = test_now_ms();
	weir_cluster_drain(h->cluster, 20000);
	assert_int_equal(hive_in_state(h, WEIR_WORKER_DRAINING), 3);
	/* Nothing but the cluster holds the loop. */
	assert_int_equal(weir_loop_run(h->net->loop), 0);
	assert_true(test_now_ms() - began < 5000);
	assert_int_equal(h->draineds, 1);
	assert_int_equal(h->exits, 3);
	for (int id = 1; id <= 3; id++)
		assert_int_equal(hive_count(h, 'x', id), 1);
	for (int i = 3; i < 6; i++)
		assert_int_equal(h->calls[i].code, 0);
	assert_int_equal(h->calls[6].what, 'd');
	assert_int_equal(hive_in_state(h, 0), 0);
	/* Nobody listens. */
	weir_listener *listener;
	static const weir_stream_ops ops;
	assert_int_equal(weir_listen(h->net->loop, &listener, h->address, NULL, &ops, NULL), 0);
	weir_listener_close(listener);
	weir_cluster_drain(h->cluster, 0);
	hive_turns(h, 5);
	assert_int_equal(h->draineds, 1);
	hive_free(h);
}

static void a_cluster_drains_with_its_loop(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	weir_loop_drain(h->net->loop);
	while (!h->draineds)
		hive_turn(h);
	assert_int_equal(h->exits, 2);
	hive_free(h);
}

/* A client that stays is cut off by the worker itself; those that are stuck are ended. */
static void workers_end_when_their_time_is_over(void **state)
{
	struct hive *h = *state;

	hive_start(h, 3);
	const int slow = hive_connect_to(h, 1);
	hive_kill(h, 2, SIGSTOP);
	hive_kill(h, 3, SIGSTOP);
	const int64_t began = test_now_us();
	weir_cluster_drain(h->cluster, 100);
	await_exits(h, 1);
	assert_int_equal(hive_count(h, 'x', 1), 1);
	assert_int_equal(h->calls[3].code, 0);
	assert_true(ms_between(began, test_now_us()) >= 100);
	await_exits(h, 3);
	assert_int_equal(h->calls[4].signo, SIGKILL);
	assert_int_equal(h->calls[5].signo, SIGKILL);
	print_message("stuck workers were ended after %lld ms of 100\n",
	              (long long)ms_between(began, test_now_us()));
	assert_true(ms_between(began, test_now_us()) < 100 + 1000 + GONE_MS);
	while (!h->draineds)
		hive_turn(h);
	(void)close(slow);
	hive_free(h);
}

static void of_two_deadlines_the_earlier_holds(void **state)
{
	struct hive *h = *state;

	hive_start(h, 1);
	const int fd = hive_connect(h, NULL);
	weir_cluster_drain(h->cluster, WEIR_OFF);
	hive_turns(h, 50);
	assert_int_equal(h->exits, 0);
	assert_int_equal(hive_ask(h, fd).id, 1);
	weir_cluster_drain(h->cluster, INT64_MAX);
	const int64_t began = test_now_us();
	weir_cluster_drain(h->cluster, 100);
	weir_cluster_drain(h->cluster, 5000);
	while (!h->draineds)
		hive_turn(h);
	assert_true(ms_between(began, test_now_us()) >= 100);
	assert_true(ms_between(began, test_now_us()) < 900);
	(void)close(fd);
	hive_free(h);
}

static void a_cluster_that_was_never_started_is_drained_and_freed(void **state)
{
	struct hive *h = *state;

	hive_open(h, 4);
	weir_cluster_drain(h->cluster, 0);
	hive_turns(h, 5);
	assert_int_equal(h->n, 1);
	assert_int_equal(h->calls[0].what, 'd');
	hive_free(h);
}

/* ---- freeing ------------------------------------------------------------------ */

static void expect_no_process(struct hive *h)
{
	const int64_t began = test_now_us();

	kids_gone(h->net);
	assert_true(ms_between(began, test_now_us()) < GONE_MS);
}

static void freeing_ends_all_workers(void **state)
{
	struct hive *h = *state;

	hive_start(h, 3);
	const int fd = hive_connect_to(h, 1);
	raw_write(fd, "b", 1);
	hive_kill(h, 2, SIGSTOP);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	weir_cluster_free(h->cluster);
	h->cluster = NULL;
	expect_no_process(h);
	(void)close(fd);
}

static void it_may_be_freed_when_one_is_ready(void **state)
{
	struct hive *h = *state;

	h->frees_in = 'y';
	hive_open(h, 2);
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	while (h->cluster)
		hive_turn(h);
	expect_no_process(h);
}

static void it_may_be_freed_when_a_new_one_is_ready(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->frees_in = 'y';
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	while (h->cluster)
		hive_turn(h);
	expect_no_process(h);
}

static void it_may_be_freed_when_one_has_ended(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->frees_in = 'x';
	hive_kill(h, 1, SIGKILL);
	while (h->cluster)
		hive_turn(h);
	expect_no_process(h);
}

static void it_may_be_freed_when_a_new_one_has_ended(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->frees_in = 'x';
	h->plan.fails = true;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	while (h->cluster)
		hive_turn(h);
	expect_no_process(h);
}

static void it_may_be_freed_by_a_message(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->frees_in = 'm';
	assert_true(weir_cluster_send(h->cluster, 1, 1, "x", 1, -1) >= 0);
	assert_true(weir_cluster_send(h->cluster, 1, 1, "y", 1, -1) >= 0);
	while (h->cluster)
		hive_turn(h);
	expect_no_process(h);
}

static void it_may_be_freed_when_it_is_reloaded(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->frees_in = 'r';
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	while (h->cluster)
		hive_turn(h);
	expect_no_process(h);
}

static void it_may_be_freed_when_it_is_drained(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->frees_in = 'd';
	weir_cluster_drain(h->cluster, 1000);
	while (h->cluster)
		hive_turn(h);
	expect_no_process(h);
}

static void reload_once_more(struct hive *h, const struct call *call)
{
	if (call->what == 'r' && h->reloads < 3)
		assert_int_equal(weir_cluster_reload(h->cluster), 0);
	if (call->what == 'r' && h->reloads == 3)
		weir_cluster_drain(h->cluster, 1000);
}

static void it_may_be_reloaded_and_drained_when_it_is_reloaded(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->then = reload_once_more;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	while (!h->draineds)
		hive_turn(h);
	assert_int_equal(h->reloads, 3);
	hive_free(h);
}

static void drain_when_ready(struct hive *h, const struct call *call)
{
	if (call->what == 'y' && h->readies == 3)
		weir_cluster_drain(h->cluster, 1000);
}

static void it_may_be_drained_during_a_reload(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	h->then = drain_when_ready;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	while (!h->draineds)
		hive_turn(h);
	hive_free(h);
}

/* The loop's end is the cluster's, and that of its workers; one is stuck. */
static void its_workers_end_with_the_loop(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	const int fd = hive_connect_to(h, 1);
	raw_write(fd, "b", 1);
	weir_loop_free(h->net->loop);
	h->net->loop = NULL;
	h->cluster = NULL;
	const int64_t began = test_now_us();
	int n = 0, status;
	while (waitpid(-1, &status, 0) > 0) {
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		n++;
	}
	assert_in_range(n, 0, 2);
	assert_true(ms_between(began, test_now_us()) < GONE_MS);
	(void)close(fd);
}

/* ---- a master that dies ------------------------------------------------------- */

struct master {
	const struct hive *hive;
	int alive; /* workers have it, too: its end comes with that of the last */
	int address;
	void (*end)(void);
};

static int be_master(void *arg)
{
	const struct master *m = arg;
	weir_cluster_opts opts = m->hive->opts;
	weir_loop *loop;
	weir_cluster *cluster;
	char text[64] = {0};

	opts.workers = 2;
	opts.ready = NULL;
	opts.exit = NULL;
	if (weir_loop_new(&loop, NULL) < 0 || weir_cluster_new(&cluster, loop, &opts) < 0 ||
	    weir_cluster_listen(cluster, "127.0.0.1:0", NULL) < 0 ||
	    weir_cluster_address(cluster, 0, text, sizeof text) < 0 ||
	    weir_cluster_start(cluster) < 0)
		return 99;
	if (write(m->address, text, sizeof text) != (ssize_t)sizeof text)
		return 98;
	m->end();
	return weir_loop_run(loop) < 0;
}

/* Returns the master's status. When this ends nobody is left, and the address is free. */
static int master_that_ends(struct hive *h, void (*end)(void))
{
	static const weir_stream_ops ops;
	struct master m = {.hive = h, .end = end};
	int alive[2], address[2];
	char text[64], octet;
	weir_listener *listener;

	hive_needs_policy(h);
	assert_int_equal(pipe(alive), 0);
	assert_int_equal(pipe(address), 0);
	m.alive = alive[1];
	m.address = address[1];
	const int status = test_in_child(be_master, &m);
	const int64_t died = test_now_us();
	(void)close(alive[1]);
	(void)close(address[1]);
	assert_int_equal(read(address[0], text, sizeof text), sizeof text);
	assert_int_equal(read(alive[0], &octet, 1), 0);
	print_message("its workers were gone %lld us after it\n",
	              (long long)(test_now_us() - died));
	assert_true(ms_between(died, test_now_us()) < 2000);
	assert_int_equal(weir_listen(h->net->loop, &listener, text, NULL, &ops, NULL), 0);
	weir_listener_close(listener);
	(void)close(alive[0]);
	(void)close(address[0]);
	return status;
}

static void exit_at_once(void)
{
	_exit(3);
}

static void abort_at_once(void)
{
	abort();
}

static void exit_with_42(int signo)
{
	(void)signo;
	_exit(42);
}

static void abort_with_a_handler(void)
{
	(void)signal(SIGABRT, exit_with_42);
	abort();
}

/* test-cluster-kill-workers */
static void workers_do_not_outlive_a_master_that_exits(void **state)
{
	assert_int_equal(master_that_ends(*state, exit_at_once), 3);
}

/* test-cluster-kill-workers, and an error that is fatal indeed */
static void workers_do_not_outlive_a_master_that_aborts(void **state)
{
	assert_int_equal(master_that_ends(*state, abort_at_once), -SIGABRT);
}

/* test-cluster-uncaught-exception */
static void what_a_master_does_in_the_end_is_its_own_business(void **state)
{
	assert_int_equal(master_that_ends(*state, abort_with_a_handler), 42);
}

/* ---- signals ------------------------------------------------------------------- */

/* Its clients are served to the end, and others meanwhile by others. */
static void a_worker_that_is_asked_to_end_is_replaced(void **state)
{
	struct hive *h = *state;
	struct answer who;

	hive_start(h, 1);
	const int fd = hive_connect(h, NULL);
	hive_kill(h, 1, SIGTERM);
	for (int i = 0; i < 20; i++) {
		const int other = raw_connect(h->address);

		who = hive_ask(h, other);
		assert_true(who.id == 1 || who.id == 2);
		(void)close(other);
		hive_turns(h, 2);
	}
	while (h->readies < 2)
		hive_turn(h);
	(void)close(hive_connect(h, &who));
	assert_int_equal(who.id, 2);
	assert_int_equal(hive_ask(h, fd).id, 1);
	assert_int_equal(hive_info(h, 1).state, WEIR_WORKER_DRAINING);
	(void)close(fd);
	await_exits(h, 1);
	assert_int_equal(hive_count(h, 'x', 1), 1);
	await_workers(h, 1);
	hive_free(h);
}

static void a_worker_that_drains_of_itself_is_replaced(void **state)
{
	struct hive *h = *state;
	struct answer who;

	hive_start(h, 2);
	const int fd = hive_connect_to(h, 2);
	raw_write(fd, "d", 1);
	while (h->readies < 3)
		hive_turn(h);
	assert_int_equal(hive_info(h, 2).state, WEIR_WORKER_DRAINING);
	for (int i = 0; i < 20; i++) {
		(void)close(hive_connect(h, &who));
		assert_int_not_equal(who.id, 2);
	}
	assert_int_equal(hive_ask(h, fd).id, 2);
	(void)close(fd);
	await_exits(h, 1);
	assert_int_equal(hive_count(h, 'x', 2), 1);
	assert_int_equal(hive_in_state(h, 0), 2);
	hive_free(h);
}

static void an_idle_worker_that_is_asked_to_end_is_replaced_once(void **state)
{
	struct hive *h = *state;

	hive_start(h, 2);
	hive_kill(h, 1, SIGTERM);
	while (h->exits < 1 || h->readies < 3)
		hive_turn(h);
	hive_turns(h, 30);
	assert_int_equal(h->readies, 3);
	assert_int_equal(h->exits, 1);
	assert_int_equal(hive_count(h, 'x', 1), 1);
	assert_int_equal(hive_in_state(h, WEIR_WORKER_SERVING), 2);
	hive_free(h);
}

static void a_worker_ends_at_once_when_it_is_told_to_quit(void **state)
{
	struct hive *h = *state;

	hive_start(h, 1);
	const int fd = hive_connect(h, NULL);
	hive_kill(h, 1, SIGQUIT);
	while (h->readies < 2)
		hive_turn(h);
	assert_int_equal(h->exits, 1);
	assert_int_equal(hive_ask(h, fd).id, 0);
	(void)close(fd);
	hive_free(h);
}

static void a_worker_does_nothing_when_the_terminal_hangs_up(void **state)
{
	struct hive *h = *state;

	hive_start(h, 1);
	hive_kill(h, 1, SIGHUP);
	hive_turns(h, 20);
	const int fd = hive_connect(h, NULL);
	assert_int_equal(hive_ask(h, fd).id, 1);
	(void)close(fd);
	assert_int_equal(h->n, 1);
	hive_free(h);
}

static void terminal_ready(weir_cluster *cluster, int32_t id, void *arg)
{
	struct hive *h = arg;

	(void)cluster;
	(void)id;
	if (++h->readies == 2)
		(void)write(h->n, "r", 1);
}

static void interrupted(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	weir_loop_drain(arg);
}

/* h->n: where it says that all are ready. */
static int be_foreground(void *arg)
{
	struct hive *h = arg;
	weir_cluster_opts opts = h->opts;
	weir_signal watcher = {.loop = NULL};
	weir_loop *loop;
	weir_cluster *cluster;

	(void)setpgid(0, 0);
	opts.workers = 2;
	opts.ready = terminal_ready;
	opts.exit = NULL;
	opts.drained = NULL;
	if (weir_loop_new(&loop, NULL) < 0 ||
	    weir_signal_start(loop, &watcher, SIGINT, interrupted, loop) < 0 ||
	    weir_cluster_new(&cluster, loop, &opts) < 0 ||
	    weir_cluster_listen(cluster, "127.0.0.1:0", NULL) < 0 ||
	    weir_cluster_start(cluster) < 0)
		return 99;
	if (weir_loop_run(loop) < 0)
		return 98;
	weir_loop_free(loop);
	return kids_left() ? 97 : 5;
}

static void all_end_when_the_terminal_interrupts(void **state)
{
	struct hive *h = *state;
	int fd[2], status;
	char octet;

	assert_int_equal(pipe(fd), 0);
	h->n = fd[1];
	(void)fflush(NULL);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(30);
		_exit(be_foreground(h));
	}
	h->n = 0;
	(void)close(fd[1]);
	assert_int_equal(read(fd[0], &octet, 1), 1);
	assert_int_equal(kill(-pid, SIGINT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 5);
	assert_int_equal(read(fd[0], &octet, 1), 0);
	(void)close(fd[0]);
}

/* ---- balance ------------------------------------------------------------------- */

enum { CROWD = 400, CREW = 8 };

static void await_conns(struct hive *h, uint32_t n)
{
	while (hive_conns(h) != n)
		hive_turn(h);
}

static void spread(const struct hive *h, uint32_t *least, uint32_t *most)
{
	weir_worker_info info[HIVE_ALL];
	const int n = weir_cluster_workers(h->cluster, info, HIVE_ALL);

	*least = UINT32_MAX;
	*most = 0;
	for (int i = 0; i < n; i++) {
		if (info[i].conns < *least)
			*least = info[i].conns;
		if (info[i].conns > *most)
			*most = info[i].conns;
	}
}

static bool spreads_evenly(struct hive *h, int *fds)
{
	uint32_t least, most;

	for (int i = 0; i < CROWD; i++) {
		fds[i] = raw_connect(h->address);
		if (i % 10 == 9)
			hive_turn(h);
	}
	await_conns(h, CROWD);
	spread(h, &least, &most);
	print_message("%u to %u of %d connections\n", least, most, CROWD);
	close_all(fds, CROWD);
	await_conns(h, 0);
	/* Where all are woken for each connection, who wins is the scheduler's affair until one
	   has more than the mean. */
	return most * 10 <= least * (strcmp(weir_backend(), "epoll") ? 14 : 12);
}

/* On a machine that does much else it may take another try. */
static void long_lived_connections_are_spread_evenly(void **state)
{
	struct hive *h = *state;
	int fds[CROWD];

	hive_start(h, CREW);
	/* Where the processors are busy elsewhere, who is run at all accepts more. */
	for (int tries = 8; !spreads_evenly(h, fds); tries--)
		assert_true(tries > 1);
	hive_free(h);
}

/* Many connections, and only those of one worker stay. */
static int crowd_at_one(struct hive *h, int *fds, int n, int32_t *id)
{
	struct answer who;
	int kept = 0, others[CROWD], nothers = 0;

	for (int i = 0; i < n; i++) {
		const int fd = hive_connect(h, &who);

		if (*id == 0)
			*id = who.id;
		if (who.id == *id)
			fds[kept++] = fd;
		else
			others[nothers++] = fd;
	}
	close_all(others, nothers);
	await_conns(h, (uint32_t)kept);
	return kept;
}

static void who_has_more_gets_none_until_the_others_have_caught_up(void **state)
{
	struct hive *h = *state;
	int fds[CROWD], more[CROWD], nmore = 0;
	int32_t id = 0;
	struct answer who;

	hive_start(h, 4);
	const int n = crowd_at_one(h, fds, 160, &id);
	assert_in_range(n, 35, 45);
	const uint32_t before = hive_info(h, id).accepted;
	/* It leaves the others room to come within a few of it. */
	for (; nmore < 3 * (n - 6); nmore++)
		more[nmore] = hive_connect(h, &who);
	print_message("%u of %d came to who had %d\n", hive_info(h, id).accepted - before, nmore,
	              n);
	assert_int_equal(hive_info(h, id).accepted, before);
	close_all(fds, n);
	close_all(more, nmore);
	hive_free(h);
}

static void who_has_more_serves_when_nobody_else_does(void **state)
{
	struct hive *h = *state;
	int fds[CROWD];
	int32_t id = 0;
	struct answer who;

	hive_start(h, 4);
	const int n = crowd_at_one(h, fds, 80, &id);
	for (int32_t other = 1; other <= 4; other++)
		if (other != id)
			hive_kill(h, other, SIGSTOP);
	const int64_t began = test_now_us();
	for (int i = 0; i < 20; i++) {
		(void)close(hive_connect(h, &who));
		assert_int_equal(who.id, id);
	}
	print_message("20 clients were served in %lld us\n", (long long)(test_now_us() - began));
	close_all(fds, n);
	hive_free(h);
}

/* ---- empty places ----------------------------------------------------------------- */

/* Connections to both sockets, of which one has no worker of its own. */
static void expect_served(struct hive *h, int n, int32_t least, int32_t most)
{
	struct answer who;

	for (int i = 0; i < n; i++) {
		(void)close(hive_connect(h, &who));
		assert_in_range(who.id, least, most);
	}
}

static void another_accepts_for_an_empty_place(void **state)
{
	struct hive *h = *state;

	put_off(h);
	expect_served(h, 40, 1, 1);
	/* It gives the socket back. */
	h->plan.fails = false;
	while (h->readies < 3)
		hive_turn(h);
	const int fd = hive_connect_to(h, h->calls[h->n - 1].id);
	(void)close(fd);
	expect_served(h, 40, 1, 20);
	hive_free(h);
}

static void when_that_one_dies_yet_another_does(void **state)
{
	struct hive *h = *state;

	h->plan.from = 4;
	h->plan.fails = true;
	hive_start(h, 3);
	hive_kill(h, 3, SIGKILL);
	await_exits(h, 4);
	hive_kill(h, 1, SIGKILL);
	await_exits(h, 7);
	expect_served(h, 60, 2, 2);
	hive_free(h);
}

/* One that is replaced accepts no more: its successor has to. */
static void when_that_one_is_replaced_its_successor_does(void **state)
{
	struct hive *h = *state;
	struct answer who;

	put_off(h);
	const int fd = hive_connect(h, &who);
	assert_int_equal(who.id, 1);
	h->plan.from = 7;
	/* The new one for the first place is id 6; those for the second die. */
	h->plan.fails = true;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 1);
	assert_int_equal(hive_info(h, 1).state, WEIR_WORKER_DRAINING);
	assert_int_equal(hive_in_state(h, WEIR_WORKER_SERVING), 1);
	expect_served(h, 40, 6, 6);
	(void)close(fd);
	hive_free(h);
}

static void one_is_enough(struct hive *h, const struct call *call)
{
	if (call->what != 'y')
		return;
	h->plan.fails = true;
	h->plan.from = call->id + 1;
}

/* While both are put off nobody can accept; the first that is back does so for both. */
static void who_comes_back_first_accepts_for_the_others(void **state)
{
	struct hive *h = *state;
	int fds[20];

	h->plan.from = 3;
	h->plan.fails = true;
	hive_start(h, 2);
	hive_kill(h, 2, SIGKILL);
	await_exits(h, 5);
	hive_kill(h, 1, SIGKILL);
	await_exits(h, 8);
	for (int i = 0; i < 20; i++) {
		fds[i] = raw_connect(h->address);
		raw_write(fds[i], "?", 1);
	}
	h->plan.fails = false;
	h->then = one_is_enough;
	for (int i = 0; i < 20; i++)
		assert_true(hive_answer(h, fds[i]).id > 5);
	close_all(fds, 20);
	hive_free(h);
}

/* Four generations of two are alive: a place whose worker leaves is not filled before
   somebody has ended. */
static void another_accepts_while_there_is_no_room_for_a_new_one(void **state)
{
	struct hive *h = *state;
	int fds[8], n = 0;

	hive_start(h, 2);
	for (int i = 0; i < 4; i++) {
		fds[n++] = hive_connect_to(h, 2 * i + 1);
		fds[n++] = hive_connect_to(h, 2 * i + 2);
		if (i < 3)
			assert_int_equal(weir_cluster_reload(h->cluster), 0);
		await_reload(h, i < 3 ? i + 1 : 3);
	}
	assert_int_equal(hive_in_state(h, 0), 8);
	hive_kill(h, 7, SIGTERM);
	while (hive_info(h, 7).state != WEIR_WORKER_DRAINING)
		hive_turn(h);
	/* It may not have closed its own yet. */
	expect_served(h, 40, 7, 8);
	assert_int_equal(h->readies, 8);
	/* The first place that is free is taken. */
	(void)close(fds[0]);
	while (h->readies < 9)
		hive_turn(h);
	close_all(fds + 1, n - 1);
	await_workers(h, 2);
	expect_served(h, 40, 8, 9);
	hive_free(h);
}

/* ---- handing over -------------------------------------------------------------------- */

static void who_finds_no_room_is_served_when_there_is(void **state)
{
	struct hive *h = *state;
	int fds[60];
	bool served[60] = {false};

	h->plan.stream.max_conns = 2;
	hive_start(h, 2);
	for (int i = 0; i < 60; i++) {
		fds[i] = raw_connect(h->address);
		raw_write(fds[i], "?", 1);
	}
	/* Four at a time; each is closed when it was served. */
	for (int n = 0; n < 60;) {
		hive_turn(h);
		assert_true(hive_conns(h) <= 4);
		for (int i = 0; i < 60; i++) {
			struct pollfd p = {.fd = fds[i], .events = POLLIN};

			if (served[i] || poll(&p, 1, 0) <= 0)
				continue;
			assert_true(hive_answer(h, fds[i]).id > 0);
			(void)close(fds[i]);
			served[i] = true;
			n++;
		}
	}
	hive_free(h);
}

/* Those who wait in it are not forgotten when it is replaced. */
static void who_finds_no_room_is_served_by_the_next_worker(void **state)
{
	struct hive *h = *state;
	int fds[10];

	h->plan.stream.max_conns = 1;
	hive_start(h, 1);
	const int first = hive_connect(h, NULL);
	for (int i = 0; i < 10; i++) {
		fds[i] = raw_connect(h->address);
		raw_write(fds[i], "?", 1);
	}
	hive_turns(h, 50);
	h->plan.stream.max_conns = 0;
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(hive_answer(h, fds[i]).id, 2);
	assert_int_equal(hive_ask(h, first).id, 1);
	(void)close(first);
	close_all(fds, 10);
	hive_free(h);
}

/* Of two workers, the first does not come to take what it is handed. */
static void ask_with_one_stopped(struct hive *h, int *fds, int n)
{
	hive_start(h, 2);
	hive_kill(h, 1, SIGSTOP);
	for (int i = 0; i < n; i++) {
		fds[i] = raw_connect(h->address);
		raw_write(fds[i], "?", 1);
	}
	hive_turns(h, 20);
}

static void who_is_on_the_way_to_a_worker_that_dies_is_served_by_another(void **state)
{
	struct hive *h = *state;
	int fds[30];

	ask_with_one_stopped(h, fds, 30);
	hive_kill(h, 1, SIGKILL);
	for (int i = 0; i < 30; i++)
		assert_in_range(hive_answer(h, fds[i]).id, 2, 3);
	close_all(fds, 30);
	hive_free(h);
}

/* Closes those that have an answer; how many? */
static int close_the_served(int *fds, int n)
{
	int served = 0;

	for (int i = 0; i < n; i++) {
		struct pollfd p = {.fd = fds[i], .events = POLLIN};

		if (poll(&p, 1, 0) > 0) {
			(void)close(fds[i]);
			fds[i] = -1;
			served++;
		}
	}
	return served;
}

/* Of the cluster's end they hear as of a listener's. */
static void who_is_on_the_way_when_a_cluster_ends_is_dropped(void **state)
{
	struct hive *h = *state;
	int fds[10], served;

	ask_with_one_stopped(h, fds, 10);
	while ((served = close_the_served(fds, 10)) == 0)
		hive_turns(h, 1);
	weir_cluster_drain(h->cluster, 5000);
	served += close_the_served(fds, 10);
	assert_in_range(served, 1, 9);
	await_exits(h, 1);
	assert_int_equal(hive_count(h, 'x', 2), 1);
	hive_turns(h, 5);
	hive_kill(h, 1, SIGKILL);
	while (!h->draineds)
		hive_turn(h);
	for (int i = 0; i < 10; i++) {
		if (fds[i] < 0)
			continue;
		assert_int_equal(hive_answer(h, fds[i]).id, 0);
		(void)close(fds[i]);
	}
	hive_free(h);
}

/* A burst of more than may be on their way at once: they come as fast as they are taken. */
static void a_burst_is_taken_without_pauses(void **state)
{
	struct hive *h = *state;
	int fds[300];

	hive_start(h, 1);
	for (int i = 0; i < 300; i++) {
		fds[i] = raw_connect(h->address);
		raw_write(fds[i], "?", 1);
	}
	const int64_t began = test_now_us();
	for (int i = 0; i < 300; i++)
		assert_int_equal(hive_answer(h, fds[i]).id, 1);
	print_message("300 clients were served in %lld us\n", (long long)(test_now_us() - began));
	close_all(fds, 300);
	hive_free(h);
}

/* ---- inheritance --------------------------------------------------------------------- */

static bool is_listening(int fd)
{
	int listens = 0;
	socklen_t len = sizeof listens;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens;
}

static int count_sockets(weir_loop *loop, weir_chan *chan, void *arg)
{
	int n = 0;

	(void)loop;
	(void)chan;
	(void)arg;
	for (int fd = 0; fd < 1024; fd++)
		n += is_listening(fd);
	return n;
}

static void other_children_have_none_of_its_sockets(void **state)
{
	struct hive *h = *state;
	struct kid kid;

	hive_start(h, 3);
	kid_init(&kid, h->net);
	kid_fork(&kid, count_sockets, NULL);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
	(void)close(hive_connect(h, NULL));
	hive_free(h);
}

/* A kid, too: says how many listening sockets it was given. */
static int be_kid(int argc, char **argv)
{
	int n = 0;

	(void)argc;
	(void)argv;
	for (int fd = 3; fd < 3 + 16; fd++)
		n += is_listening(fd);
	return getenv("LISTEN_FDS") && atoi(getenv("LISTEN_FDS")) == n ? n : 50;
}

static void the_next_program_gets_its_sockets(void **state)
{
	struct hive *h = *state;
	const char *argv[] = {kid_self(), "--kid", NULL};
	weir_child_opts opts = {.argv = argv, .sockets = true};
	struct kid kid;

	hive_start(h, 3);
	kid_init(&kid, h->net);
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_int_equal(kid.code, h->policy == WEIR_ACCEPT_REUSEPORT ? 3 : 1);
	hive_free(h);
}

/* ---- again and again --------------------------------------------------------------------- */

static int lines_of(const char *path)
{
	FILE *file = fopen(path, "r");
	int n = 0;

	if (!file)
		return 0;
	for (int c; (c = getc(file)) != EOF;)
		n += c == '\n';
	(void)fclose(file);
	return n;
}

static void one_round(struct hive *h)
{
	h->n = h->readies = h->exits = h->reloads = h->draineds = 0;
	hive_start(h, 2);
	(void)close(hive_connect(h, NULL));
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	await_reload(h, 1);
	assert_int_equal(h->status, 0);
	(void)close(hive_connect(h, NULL));
	weir_cluster_drain(h->cluster, 5000);
	while (!h->draineds)
		hive_turn(h);
	assert_int_equal(h->exits, 4);
	hive_free(h);
}

static void many_rounds_leave_nothing_behind(void **state)
{
	struct hive *h = *state;
	const char *given = getenv("WEIR_ROUNDS");
	const int rounds = given && atoi(given) > 0 ? atoi(given) : 34;

	for (int i = 0; i < 3; i++)
		one_round(h);
	const int fds = test_open_fds(), maps = lines_of("/proc/self/maps");
	const size_t octets = h->net->alloc.live_octets;
	const int64_t began = test_now_us();
	for (int i = 0; i < rounds; i++) {
		test_watchdog(60);
		one_round(h);
		assert_int_equal(test_open_fds(), fds);
		assert_int_equal(h->net->alloc.live_octets, octets);
		assert_false(kids_left());
	}
	assert_in_range(lines_of("/proc/self/maps"), 0, maps + 2);
	print_message("%d rounds, %lld us each\n", rounds,
	              (long long)(test_now_us() - began) / rounds);
}

/* ---- without descriptors ------------------------------------------------------------------- */

static void limit_descriptors(rlim_t n)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void without_descriptors_it_is_done_later(void **state)
{
	struct hive *h = *state;
	struct rlimit before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	hive_open(h, 2);
	const int first = dup(0);
	(void)close(first);
	limit_descriptors((rlim_t)first);
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	hive_turns(h, 20);
	assert_int_equal(hive_in_state(h, 0), 0);
	limit_descriptors(before.rlim_cur);
	const int fd = hive_connect(h, NULL);
	while (hive_in_state(h, WEIR_WORKER_SERVING) < 2)
		hive_turn(h);
	(void)close(fd);

	/* All the same with a reload: the old ones serve until there are new ones. */
	limit_descriptors((rlim_t)first);
	assert_int_equal(weir_cluster_reload(h->cluster), 0);
	hive_turns(h, 20);
	limit_descriptors(before.rlim_cur);
	(void)close(hive_connect(h, NULL));
	await_reload(h, 1);
	assert_int_equal(h->status, 0);
	hive_free(h);
}

static void an_address_that_is_refused_leaves_nothing(void **state)
{
	struct hive *h = *state;
	struct rlimit before;
	char text[64];

	hive_needs_policy(h);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	h->opts.workers = 3;
	assert_int_equal(weir_cluster_new(&h->cluster, h->net->loop, &h->opts), 0);
	const int first = dup(0);
	(void)close(first);
	limit_descriptors((rlim_t)first + (h->policy == WEIR_ACCEPT_REUSEPORT ? 2 : 0));
	assert_int_equal(weir_cluster_listen(h->cluster, "127.0.0.1:0", NULL), -EMFILE);
	limit_descriptors(before.rlim_cur);
	assert_int_equal(weir_cluster_address(h->cluster, 0, text, sizeof text), -ENOENT);
	assert_int_equal(weir_cluster_listen(h->cluster, "127.0.0.1:0", NULL), 0);
	assert_true(weir_cluster_address(h->cluster, 0, h->address, sizeof h->address) > 0);
	assert_int_equal(weir_cluster_address(h->cluster, 1, text, sizeof text), -ENOENT);
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	while (h->readies < 3)
		hive_turn(h);
	for (int i = 0; i < 20; i++)
		(void)close(hive_connect(h, NULL));
	hive_free(h);
}

/* ---- without memory ------------------------------------------------------------------------ */

/* False: it was refused, and said so. */
static bool try_to_start(struct hive *h)
{
	if (weir_cluster_new(&h->cluster, h->net->loop, &h->opts) < 0) {
		assert_null(h->cluster);
		return false;
	}
	if (weir_cluster_listen(h->cluster, "127.0.0.1:0", NULL) < 0 ||
	    weir_cluster_address(h->cluster, 0, h->address, sizeof h->address) < 0)
		return false;
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	return true;
}

/* Each of the first requests for memory is refused in turn, and of those every third:
   either somebody is told, or it is done all the same in the end. */
static void without_memory_it_is_refused_or_done_later(void **state)
{
	struct hive *h = *state;
	struct test_alloc *a = &h->net->alloc;
	int refused = 0, done = 0;
	bool more = true;

	hive_needs_policy(h);
	h->opts.workers = 2;
	for (size_t at = 1; more; at += getenv("WEIR_ROUNDS") ? 1 : 3) {
		h->n = h->readies = h->exits = h->reloads = 0;
		a->refused = 0;
		a->fail_at = a->calls + at;
		if (!try_to_start(h)) {
			refused++;
			weir_cluster_free(h->cluster);
			h->cluster = NULL;
			hive_turns(h, 1);
			continue;
		}
		while (hive_in_state(h, WEIR_WORKER_SERVING) < 2)
			hive_turn(h);
		(void)close(hive_connect(h, NULL));
		assert_int_equal(weir_cluster_reload(h->cluster), 0);
		await_reload(h, 1);
		assert_true(h->status == 0 || h->status == WEIR_ECLOSED);
		(void)close(hive_connect(h, NULL));
		more = a->refused > 0;
		a->fail_at = 0;
		hive_free(h);
		done++;
	}
	print_message("%d were refused, %d done\n", refused, done);
	assert_true(done > 5);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		EACH_HIVE_TEST(workers_are_ready_and_each_of_them_serves),
		EACH_HIVE_TEST(figures_are_the_same_in_the_master_and_in_a_worker),
		HIVE_TEST(requests_of_http_are_counted, SHARED),
		EACH_HIVE_TEST(messages_go_both_ways),
		HIVE_TEST(there_are_as_many_workers_as_processors, SHARED),
		HIVE_TEST(a_message_to_nobody_is_refused, SHARED),
		EACH_HIVE_TEST(what_makes_no_sense_is_refused),
		EACH_HIVE_TEST(a_worker_that_exits_is_told_of_once_and_replaced),
		EACH_HIVE_TEST(a_killed_worker_is_replaced_while_others_serve_on),
		EACH_HIVE_TEST(who_waits_when_all_are_killed_is_served_by_the_next),
		HIVE_TEST(deaths_before_being_ready_are_followed_by_growing_delays, SHARED),
		HIVE_TEST(deaths_soon_after_being_ready_are_followed_by_delays, SHARED),
		HIVE_TEST(one_that_is_not_ready_in_time_is_replaced, SHARED),
		EACH_HIVE_TEST(new_ones_are_ready_before_old_ones_end),
		EACH_HIVE_TEST(nobody_is_turned_away_by_a_reload),
		EACH_HIVE_TEST(a_request_in_progress_is_finished_by_the_old_worker),
		EACH_HIVE_TEST(who_keeps_a_connection_gets_one_more_reply),
		HIVE_TEST(reloads_during_a_reload_are_one_more, SHARED),
		EACH_HIVE_TEST(when_new_ones_die_the_old_ones_serve_on),
		HIVE_TEST(when_new_ones_are_never_ready_the_old_one_serves_on, SHARED),
		EACH_HIVE_TEST(a_reload_does_not_wait_for_what_was_put_off),
		HIVE_TEST(a_reload_that_fails_in_an_empty_place_leaves_it_to_be_filled, SHARED),
		EACH_HIVE_TEST(a_worker_that_is_killed_during_a_reload_is_replaced_by_it),
		HIVE_TEST(there_are_at_most_four_processes_for_a_place, HAND_OVER),
		HIVE_TEST(who_is_replaced_knows_that_others_go_on, SHARED),
		HIVE_TEST(a_drain_ends_a_reload, SHARED),
		EACH_HIVE_TEST(idle_workers_end_at_once),
		HIVE_TEST(a_cluster_drains_with_its_loop, SHARED),
		HIVE_TEST(workers_end_when_their_time_is_over, SHARED),
		HIVE_TEST(of_two_deadlines_the_earlier_holds, SHARED),
		EACH_HIVE_TEST(a_cluster_that_was_never_started_is_drained_and_freed),
		EACH_HIVE_TEST(freeing_ends_all_workers),
		EACH_HIVE_TEST(it_may_be_freed_when_one_is_ready),
		HIVE_TEST(it_may_be_freed_when_a_new_one_is_ready, SHARED),
		EACH_HIVE_TEST(it_may_be_freed_when_one_has_ended),
		HIVE_TEST(it_may_be_freed_when_a_new_one_has_ended, SHARED),
		HIVE_TEST(it_may_be_freed_by_a_message, SHARED),
		HIVE_TEST(it_may_be_freed_when_it_is_reloaded, SHARED),
		EACH_HIVE_TEST(it_may_be_freed_when_it_is_drained),
		HIVE_TEST(it_may_be_reloaded_and_drained_when_it_is_reloaded, SHARED),
		HIVE_TEST(it_may_be_drained_during_a_reload, SHARED),
		EACH_HIVE_TEST(its_workers_end_with_the_loop),
		EACH_HIVE_TEST(workers_do_not_outlive_a_master_that_exits),
		HIVE_TEST(workers_do_not_outlive_a_master_that_aborts, SHARED),
		HIVE_TEST(what_a_master_does_in_the_end_is_its_own_business, SHARED),
		EACH_HIVE_TEST(a_worker_that_is_asked_to_end_is_replaced),
		EACH_HIVE_TEST(a_worker_that_drains_of_itself_is_replaced),
		EACH_HIVE_TEST(an_idle_worker_that_is_asked_to_end_is_replaced_once),
		HIVE_TEST(a_worker_ends_at_once_when_it_is_told_to_quit, SHARED),
		HIVE_TEST(a_worker_does_nothing_when_the_terminal_hangs_up, SHARED),
		HIVE_TEST(all_end_when_the_terminal_interrupts, SHARED),
		HIVE_TEST(long_lived_connections_are_spread_evenly, SHARED),
		HIVE_TEST(long_lived_connections_are_spread_evenly, HAND_OVER),
		HIVE_TEST(who_has_more_gets_none_until_the_others_have_caught_up, SHARED),
		HIVE_TEST(who_has_more_gets_none_until_the_others_have_caught_up, HAND_OVER),
		HIVE_TEST(who_has_more_serves_when_nobody_else_does, SHARED),
		HIVE_TEST(another_accepts_for_an_empty_place, REUSEPORT),
		HIVE_TEST(when_that_one_dies_yet_another_does, REUSEPORT),
		HIVE_TEST(when_that_one_is_replaced_its_successor_does, REUSEPORT),
		HIVE_TEST(who_comes_back_first_accepts_for_the_others, REUSEPORT),
		HIVE_TEST(another_accepts_while_there_is_no_room_for_a_new_one, REUSEPORT),
		EACH_HIVE_TEST(who_finds_no_room_is_served_when_there_is),
		HIVE_TEST(who_finds_no_room_is_served_by_the_next_worker, HAND_OVER),
		HIVE_TEST(who_is_on_the_way_to_a_worker_that_dies_is_served_by_another, HAND_OVER),
		HIVE_TEST(who_is_on_the_way_when_a_cluster_ends_is_dropped, HAND_OVER),
		HIVE_TEST(a_burst_is_taken_without_pauses, HAND_OVER),
		EACH_HIVE_TEST(other_children_have_none_of_its_sockets),
		EACH_HIVE_TEST(the_next_program_gets_its_sockets),
		EACH_HIVE_TEST(many_rounds_leave_nothing_behind),
		EACH_HIVE_TEST(without_descriptors_it_is_done_later),
		EACH_HIVE_TEST(an_address_that_is_refused_leaves_nothing),
		EACH_HIVE_TEST(without_memory_it_is_refused_or_done_later),
	};

	kid_main(argc, argv, be_kid);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
