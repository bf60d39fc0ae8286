/*
 * What happens at the limits: of descriptors, of connections, of memory, of
 * buffers? Who finds no room waits, nobody spins, all are served in the end.
 */
#include "tests/support/net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/stream.h"

/* ---- clients: a process of their own, whose exit status is 0 when all were served ---- */

struct clients {
	const char *address;
	int n;
	size_t size;     /* octets that each sends and wants back */
	int patience_ms; /* so long they only send */
};

struct client {
	size_t sent, got;
};

static void move_out(int fd, struct client *c, size_t size)
{
	char block[4096];
	const size_t left = size - c->sent;
	const size_t len = left < sizeof(block) ? left : sizeof(block);

	pattern_fill(block, len, c->sent);
	const ssize_t n = len ? send(fd, block, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	c->sent += n > 0 ? (size_t)n : 0;
}

/* False: not what was sent, or the end. */
static bool move_in(int fd, struct client *c)
{
	char block[4096];
	const ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->got += (size_t)n;
	return pattern_is(block, (size_t)n, c->got - (size_t)n);
}

/* Closes those that have all; how many. */
static int part(struct pollfd *polls, const struct client *clients, const struct clients *all)
{
	int n = 0;

	for (int i = 0; i < all->n; i++) {
		if (polls[i].fd < 0 || clients[i].got < all->size)
			continue;
		(void)close(polls[i].fd);
		polls[i].fd = -1;
		n++;
	}
	return n;
}

static int be_clients(void *arg)
{
	const struct clients *all = arg;
	struct pollfd *polls = calloc((size_t)all->n, sizeof(*polls));
	struct client *clients = calloc((size_t)all->n, sizeof(*clients));
	int left = all->n;

	for (int i = 0; i < all->n; i++)
		polls[i].fd = raw_connect(all->address);
	for (const int64_t end = test_now_ms() + all->patience_ms; test_now_ms() < end;) {
		(void)poll(NULL, 0, 1);
		for (int i = 0; i < all->n; i++)
			move_out(polls[i].fd, &clients[i], all->size);
	}
	while ((left -= part(polls, clients, all)) > 0) {
		for (int i = 0; i < all->n; i++)
			polls[i].events = clients[i].sent < all->size ? POLLIN | POLLOUT : POLLIN;
		if (poll(polls, (nfds_t)all->n, 20000) <= 0)
			break;
		for (int i = 0; i < all->n; i++) {
			if (polls[i].fd < 0 || !polls[i].revents)
				continue;
			move_out(polls[i].fd, &clients[i], all->size);
			if (!move_in(polls[i].fd, &clients[i]))
				return 2;
		}
	}
	free(polls);
	free(clients);
	return left != 0;
}

static pid_t start_clients(struct net *net, struct clients *clients)
{
	(void)fflush(NULL);
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(50);
		(void)weir_loop_forked(net->loop);
		weir_loop_free(net->loop);
		_exit(be_clients(clients));
	}
	return pid;
}

static int64_t cpu_ms(void)
{
	struct rusage used;

	(void)getrusage(RUSAGE_SELF, &used);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
	       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

/* Turns for that long; how much of it, in percent, this process was busy. */
static int64_t busy_percent(struct net *net, int64_t ms)
{
	const int64_t begin = cpu_ms();

	for (const int64_t end = test_now_ms() + ms; test_now_ms() < end;)
		assert_true(weir_loop_step(net->loop, end - test_now_ms()) >= 0);
	return (cpu_ms() - begin) * 100 / ms;
}

/* Turns until the clients have ended, well. The most memory that it took. */
static size_t serve(struct net *net, pid_t pid)
{
	int status = 0;
	size_t most = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		net_turn(net);
		if (net->alloc.live_octets > most)
			most = net->alloc.live_octets;
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return most;
}

/* An echo that waits when its writes are refused, and is resumed now and then. */
static size_t echo_or_wait(struct side *side, const char *data, size_t len)
{
	const int64_t result = weir_write(side->stream, data, len);

	if (result >= 0)
		return len;
	assert_int_equal(result, WEIR_EFULL);
	weir_hold(side->stream, true);
	return 0;
}

static void resume_all(weir_timer *timer, void *arg)
{
	const struct host *host = arg;

	(void)timer;
	for (int i = 0; i < host->n; i++)
		if (host->accepted[i]->stream)
			weir_hold(host->accepted[i]->stream, false);
}

static void send_little(struct side *side, char event)
{
	const int size = 32768;

	if (event == 'o')
		assert_int_equal(setsockopt(weir_stream_fd(side->stream), SOL_SOCKET, SO_SNDBUF,
		                            &size, sizeof(size)),
		                 0);
}

static struct host *echo_host(struct net *net, const weir_stream_opts *opts, weir_timer *timer)
{
	struct host *host = net_listen(net, NULL, opts);

	host->model.take = echo_or_wait;
	host->model.then = send_little;
	host->model.counts_only = true;
	weir_timer_init(timer, resume_all, host);
	weir_timer_start(net->loop, timer, 2, 2);
	return host;
}

/* ---- descriptors ---- */

static struct rlimit usual;

static void limit_descriptors(rlim_t n)
{
	const struct rlimit tight = {n, usual.rlim_max};

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
}

static int unlimit(void **state)
{
	limit_descriptors(usual.rlim_cur);
	return net_teardown(state);
}

/* valgrind imitates the limit: it takes a connection beyond it and drops it. */
static void need_the_kernels_own_limit(void)
{
	const char *under = getenv("WEIR_RUN_UNDER");

	if (under && strstr(under, "valgrind"))
		skip();
}

static void out_of_descriptors_clients_wait_and_nobody_spins(void **state)
{
	need_the_kernels_own_limit();
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct clients clients = {host->address, 200, 1, 800};
	host->model.echoes = true;
	const pid_t pid = start_clients(net, &clients);
	limit_descriptors(64);

	net_turns(net, 200);
	assert_in_range(host->n, 40, 64);
	const int before = host->n;
	assert_in_range(busy_percent(net, 400), 0, 4);
	assert_int_equal(host->n, before);
	(void)serve(net, pid);
	assert_int_equal(host->n, 200);
}

/* The next close makes room; the 100 ms are for the case that none comes. */
static void a_close_lets_the_listener_go_on_at_once(void **state)
{
	need_the_kernels_own_limit();
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	int fds[70], slow = 0;
	for (int i = 0; i < 70; i++)
		fds[i] = raw_connect(host->address);
	limit_descriptors(100);
	net_turns(net, 50);
	const int first = host->n;
	assert_in_range(first, 10, 60);

	for (int i = 0; i < 10; i++) {
		const int64_t begin = test_now_ms();
		side_close(host->accepted[i]);
		(void)host_wait(host, first + i + 1);
		slow += test_now_ms() - begin > 50;
		net_turns(net, 3);
	}
	assert_in_range(slow, 0, 2);
	for (int i = 0; i < 70; i++)
		(void)close(fds[i]);
}

/* Where select takes no more than an fd_set, the listener waits as well. */
static void beyond_the_size_of_an_fd_set_all_are_served(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct clients clients = {host->address, 100, 1000, 300};
	int copies[FD_SETSIZE], n = 0;
	host->model.echoes = true;

	if (usual.rlim_max < 2 * FD_SETSIZE)
		skip();
	limit_descriptors(2 * FD_SETSIZE);
	const pid_t pid = start_clients(net, &clients);
	do
		copies[n++] = dup(0);
	while (copies[n - 1] < FD_SETSIZE - 20);
	(void)serve(net, pid);
	assert_int_equal(host->n, 100);
	while (n > 0)
		(void)close(copies[--n]);
}

/* ---- connections ---- */

static void the_limit_of_a_loop_is_for_all_its_listeners(void **state)
{
	struct net *net = *state;
	const weir_loop_opts opts = {.max_conns = 5};
	net_reopen(net, &opts);
	struct host *a = net_listen(net, NULL, NULL), *b = net_listen(net, NULL, NULL);
	struct clients to_a = {a->address, 20, 1000, 100}, to_b = {b->address, 20, 1000, 300};
	a->model.echoes = b->model.echoes = true;

	const pid_t pid_a = start_clients(net, &to_a);
	const pid_t pid_b = start_clients(net, &to_b);
	while (a->n + b->n < 5)
		net_turn(net);
	net_turns(net, 20);
	assert_int_equal(a->n + b->n, 5);
	(void)serve(net, pid_a);
	(void)serve(net, pid_b);
	assert_int_equal(a->n, 20);
	assert_int_equal(b->n, 20);
}

static void make_evictable(struct side *side, char event)
{
	if (event == 'o' || event == 'd')
		weir__stream_evictable(side->stream, true);
}

/* Those that may be dropped make room for others: the longest idle first. */
static void the_longest_idle_is_dropped_for_a_newcomer(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.max_conns = 4, .idle_ms = 10000};
	struct host *host = net_listen(net, NULL, &opts);
	static const int order[4] = {2, 0, 3, 1};
	int fds[8];
	host->model.then = make_evictable;

	for (int i = 0; i < 4; i++)
		fds[i] = raw_connect(host->address);
	(void)host_wait(host, 4);
	/* Limits are told apart in steps of 64 ms. */
	for (int i = 0; i < 4; i++) {
		net_turns(net, 80);
		raw_write(fds[order[i]], "x", 1);
		while (!host->accepted[order[i]]->datas)
			net_turn(net);
	}
	for (int i = 0; i < 3; i++) {
		fds[4 + i] = raw_connect(host->address);
		(void)host_wait(host, 5 + i);
		for (int j = 0; j < 4; j++)
			assert_int_equal(host->accepted[order[j]]->gones, j <= i);
		assert_int_equal(host->accepted[order[i]]->why, WEIR_EDRAINED);
	}
	for (int i = 0; i < 7; i++)
		(void)close(fds[i]);
}

static void one_with_octets_waiting_is_not_dropped(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.max_conns = 2, .idle_ms = 10000};
	struct host *host = net_listen(net, NULL, &opts);
	const int first = raw_connect(host->address);
	struct side *busy = host_wait(host, 1);
	net_turns(net, 80);
	const int second = raw_connect(host->address);
	struct side *idle = host_wait(host, 2);

	weir__stream_evictable(busy->stream, true);
	weir__stream_evictable(idle->stream, true);
	weir_hold(busy->stream, true);
	raw_write(first, "a request", 9);
	const int third = raw_connect(host->address);
	(void)host_wait(host, 3);
	assert_int_equal(busy->gones, 0);
	assert_int_equal(idle->why, WEIR_EDRAINED);
	weir_hold(busy->stream, false);
	while (!busy->datas)
		net_turn(net);
	(void)close(first);
	(void)close(second);
	(void)close(third);
}

static void one_that_may_not_be_dropped_makes_newcomers_wait(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.max_conns = 1};
	struct host *host = net_listen(net, NULL, &opts);
	const int first = raw_connect(host->address);
	struct side *side = host_wait(host, 1);
	const int second = raw_connect(host->address);

	assert_in_range(busy_percent(net, 300), 0, 4);
	assert_int_equal(host->n, 1);
	weir__stream_evictable(side->stream, true);
	(void)host_wait(host, 2);
	assert_int_equal(side->why, WEIR_EDRAINED);
	(void)close(first);
	(void)close(second);
}

/* ---- memory and buffers ---- */

static void at_the_cap_of_memory_all_comes_back_in_the_end(void **state)
{
	struct net *net = *state;
	const weir_loop_opts opts = {.max_memory = 300 << 10};
	static weir_timer timer;
	net_reopen(net, &opts);
	const size_t empty = net->alloc.live_octets;
	assert_in_range(empty, 1, 200 << 10);
	struct host *host = echo_host(net, NULL, &timer);
	struct clients clients = {host->address, 16, 2 << 20, 200};

	const size_t most = serve(net, start_clients(net, &clients));
	assert_in_range(most, 280 << 10, 300 << 10);
	for (int i = 0; i < host->n; i++)
		while (host->accepted[i]->stream)
			net_turn(net);
	for (int i = 0; i < 16; i++)
		assert_int_equal(host->accepted[i]->len, 2 << 20);
	weir_timer_stop(&timer);
}

static void with_few_buffers_many_readers_are_served(void **state)
{
	struct net *net = *state;
	const weir_loop_opts opts = {.max_chunks = 3};
	static weir_timer timer;
	net_reopen(net, &opts);
	struct host *host = echo_host(net, NULL, &timer);
	struct clients clients = {host->address, 50, 200000, 0};

	(void)serve(net, start_clients(net, &clients));
	assert_int_equal(host->n, 50);
	weir_timer_stop(&timer);
}

static size_t use_nothing_yet(struct side *side, const char *data, size_t len)
{
	(void)data;
	if (!side->n)
		weir_hold(side->stream, true);
	return side->n ? len : 0;
}

/* All buffers are kept by readers that are held. Others wait, and output has its reserve. */
static void without_buffers_reading_waits_and_writing_goes_on(void **state)
{
	static char big[1 << 20];
	struct net *net = *state;
	const weir_loop_opts opts = {.max_chunks = 2};
	struct host *host;
	struct side *writer, *reader, *kept[2], *waiting;
	int fds[3];
	net_reopen(net, &opts);
	net_stalled_pair(net, NULL, &writer, &reader);
	host = net_listen(net, NULL, NULL);
	host->model.take = use_nothing_yet;

	for (int i = 0; i < 3; i++) {
		fds[i] = raw_connect(host->address);
		(void)host_wait(host, i + 1);
		raw_write(fds[i], big, 12000);
		while (i < 2 && !host->accepted[i]->datas)
			net_turn(net);
	}
	kept[0] = host->accepted[0];
	kept[1] = host->accepted[1];
	waiting = host->accepted[2];
	assert_in_range(busy_percent(net, 300), 0, 4);
	assert_int_equal(waiting->datas, 0);
	assert_int_equal(waiting->gones, 0);

	/* More than two buffers hold is refused; what the reserve holds is not. */
	assert_int_equal(weir_write(writer->stream, big, sizeof(big)), WEIR_EFULL);
	for (int64_t i = 0; weir_queued(writer->stream) < 10000 && i < 1000; i++)
		assert_true(weir_write(writer->stream, big, 1000) >= 0);
	assert_true(weir_queued(writer->stream) >= 10000);

	/* Output has one buffer more than there are; with these two there is one to read into. */
	waiting->n = 1;
	side_close(kept[0]);
	side_close(kept[1]);
	while (waiting->len < 12000)
		net_turn(net);
	for (int i = 0; i < 3; i++)
		(void)close(fds[i]);
}

static void silent_clients(struct host *host, int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		fds[i] = raw_connect(host->address);
		(void)host_wait(host, i + 1);
	}
}

/* As a full loop: every octet that is free is taken. */
static void leave_memory(struct net *net, size_t octets)
{
	struct weir__mem *mem = &net->loop->mem;

	mem->cap = mem->used + octets;
}

/* Who reads is served before who is idle, also where what is missing is memory. */
static void the_idle_make_room_for_reading(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	int fds[8];
	silent_clients(host, fds, 8);
	for (int i = 0; i < 7; i++)
		weir__stream_evictable(host->accepted[i]->stream, true);
	leave_memory(net, WEIR__CHUNK + sizeof(struct weir__flow) - 3 * sizeof(weir_stream));

	const int64_t begin = test_now_ms();
	raw_write(fds[7], "x", 1);
	while (!host->accepted[7]->datas)
		net_turn(net);
	assert_true(test_now_ms() - begin < 90);
	for (int i = 0; i < 7; i++)
		assert_int_equal(host->accepted[i]->gones, i < 3);
	assert_int_equal(host->accepted[0]->why, WEIR_EDRAINED);
	for (int i = 0; i < 8; i++)
		(void)close(fds[i]);
}

/* Buffers that are kept for the next borrower are nobody's: they go before anybody is refused. */
static void spare_buffers_are_given_back_at_the_cap(void **state)
{
	struct net *net = *state;
	struct weir__mem *mem = &net->loop->mem;
	struct host *host = net_listen(net, NULL, NULL);
	int fd;
	silent_clients(host, &fd, 1);
	raw_write(fd, "x", 1);
	while (!host->accepted[0]->datas)
		net_turn(net);
	leave_memory(net, 0);

	void *block = weir__mem_resize(mem, NULL, 0, 1000);
	assert_non_null(block);
	assert_true(mem->used <= mem->cap);
	weir__mem_free(mem, block, 1000);
	(void)close(fd);
}

/* The last memory is for those who are in: newcomers take the place of the idle before that. */
static void newcomers_leave_memory_to_those_who_are_in(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	int fds[4];
	silent_clients(host, fds, 3);
	for (int i = 0; i < 3; i++)
		weir__stream_evictable(host->accepted[i]->stream, i > 0);
	leave_memory(net, WEIR__CHUNK + 8192 - sizeof(weir_stream));

	fds[3] = raw_connect(host->address);
	(void)host_wait(host, 4);
	assert_int_equal(host->accepted[0]->gones, 0);
	assert_true(host->accepted[1]->gones);
	assert_true(net->loop->mem.cap - net->loop->mem.used >= WEIR__CHUNK + 8000);
	for (int i = 0; i < 4; i++)
		(void)close(fds[i]);
}

/* The table of descriptors cannot grow: who was accepted for it waits, too. */
static void a_newcomer_without_memory_is_not_refused(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	int copies[300], n = 0, fds[3];
	char octet;
	host->model.echoes = true;
	silent_clients(host, fds, 1);
	do
		copies[n++] = dup(0);
	while (copies[n - 1] < net->loop->nslots);
	fds[1] = raw_connect(host->address);
	raw_write(fds[1], "x", 1);
	/* The block of a stream is there already. */
	net->alloc.calls = 0;
	net->alloc.fail_at = 1;
	net->alloc.fail_after = true;

	assert_in_range(busy_percent(net, 300), 0, 4);
	assert_int_equal(host->n, 1);
	assert_int_equal(recv(fds[1], &octet, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	net->alloc.fail_at = 0;
	net->alloc.fail_after = false;
	while (host_wait(host, 2)->datas == 0)
		net_turn(net);
	assert_int_equal(read(fds[1], &octet, 1), 1);

	/* The next is closed with its listener. */
	net->alloc.calls = 0;
	net->alloc.fail_at = 1;
	net->alloc.fail_after = true;
	while (copies[n - 1] < net->loop->nslots)
		copies[n++] = dup(0);
	fds[2] = raw_connect(host->address);
	net_turns(net, 30);
	host_close(host);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(fds[2]);
	while (n > 0)
		(void)close(copies[--n]);
}

static void without_memory_writes_say_no_and_harm_nothing(void **state)
{
	static char block[16000];
	struct net *net = *state;
	struct side *writer, *reader;
	size_t sent = 0;
	net_stalled_pair(net, NULL, &writer, &reader);
	weir_hold(reader->stream, false);
	net_turns(net, 5);
	leave_memory(net, 0);

	assert_int_equal(weir_write_ref(writer->stream, block, sizeof(block), side_done, writer),
	                 WEIR_EFULL);
	assert_int_equal(writer->dones, 0);
	net->loop->mem.cap = SIZE_MAX;
	sent += sizeof(block);
	assert_true(weir_write(writer->stream, block, sizeof(block)) >= 0);
	while (reader->len < sent)
		net_turn(net);
	assert_int_equal(writer->gones, 0);
}

/* Takes a loop's free flows, so that the next one needs memory. */
static void use_up_flows(struct net *net)
{
	struct weir__pool *pool = &net->loop->flows;

	while (pool->free)
		weir__mem_free(pool->mem, weir__pool_take(pool), pool->size);
}

/* What the kernel would take in part needs a place for the rest before any of it is sent. */
static void a_write_is_refused_whole_or_not_at_all(void **state)
{
	static char block[60000];
	struct net *net = *state;
	int fd[2];
	assert_int_equal(pipe(fd), 0);
	struct side *writer = net_adopt(net, fd[1], NULL);
	net_turns(net, 3);
	assert_int_equal(write(fd[1], block, sizeof(block)), sizeof(block));
	use_up_flows(net);
	leave_memory(net, 0);

	assert_int_equal(weir_write(writer->stream, block, 20000), WEIR_EFULL);
	net_turns(net, 3);
	assert_int_equal(writer->gones, 0);
	net->loop->mem.cap = SIZE_MAX;
	assert_true(weir_write(writer->stream, block, 20000) > 0);
	(void)close(fd[0]);
}

/* What is read and not used needs a place, too: without one the octets stay where they are. */
static void what_cannot_be_kept_is_not_read(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	host->model.take = use_nothing_yet;
	int fd = raw_connect(host->address);
	struct side *side = host_wait(host, 1);
	/* A chunk for reading is there, a flow is not. */
	void *chunk = weir__chunk_take(&net->loop->chunks);
	weir__chunk_give(&net->loop->chunks, chunk);
	use_up_flows(net);
	net->alloc.calls = 0;
	net->alloc.fail_at = 1;
	net->alloc.fail_after = true;
	raw_write(fd, "x", 1);

	net_turns(net, 5);
	assert_int_equal(side->gones, 0);
	net->alloc.fail_at = 0;
	net->alloc.fail_after = false;
	while (!side->datas)
		net_turn(net);
	assert_int_equal(side->gones, 0);
	(void)close(fd);
}

/* Whoever was refused is told when to try again, also with nothing queued: no timer is needed. */
static void after_a_refusal_for_want_of_memory_drain_comes(void **state)
{
	static char block[16000];
	struct net *net = *state;
	struct side *writer, *reader;
	net_stalled_pair(net, NULL, &writer, &reader);
	net_turns(net, 5);
	leave_memory(net, 0);

	assert_int_equal(weir_write_ref(writer->stream, block, sizeof(block), side_done, writer),
	                 WEIR_EFULL);
	assert_int_equal(writer->drains, 0);
	while (!writer->drains)
		net_turn(net);
	assert_in_range(busy_percent(net, 300), 0, 4);
	assert_int_equal(writer->drains, 1);
}

/* How long the first has to wait does not depend on how many come after it. */
static void who_waits_for_memory_is_not_put_off_by_others(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	int fds[2];
	silent_clients(host, fds, 2);
	leave_memory(net, 0);

	raw_write(fds[0], "x", 1);
	while (!net->loop->starved)
		net_turn(net);
	const int64_t until = net->loop->starved_until;
	net_turns(net, 20);
	raw_write(fds[1], "x", 1);
	net_turns(net, 20);
	assert_true(net->loop->starved);
	assert_true(net->loop->starved_until <= until);
	net->loop->mem.cap = SIZE_MAX;
	while (!host->accepted[0]->datas || !host->accepted[1]->datas)
		net_turn(net);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* That weir cannot read is not the peer's silence. */
static void waiting_for_memory_is_not_idling(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.idle_ms = 70};
	struct host *host = net_listen(net, NULL, &opts);
	int fd;
	silent_clients(host, &fd, 1);
	leave_memory(net, 0);

	raw_write(fd, "x", 1);
	net_turns(net, 400);
	assert_int_equal(host->accepted[0]->idles, 0);
	net->loop->mem.cap = SIZE_MAX;
	while (!host->accepted[0]->datas)
		net_turn(net);
	while (!host->accepted[0]->idles)
		net_turn(net);
	(void)close(fd);
}

/* Fast writers, readers that are held: what is in memory has a bound. */
static void stalled_connections_take_bounded_memory(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.max_queue = 100000, .high = 50000};
	struct side *writers[4], *readers[4];
	char block[4096] = "";
	size_t most = 0;

	for (int i = 0; i < 4; i++)
		net_stalled_pair(net, &opts, &writers[i], &readers[i]);
	const size_t before = net->alloc.live_octets;
	for (int turn = 0; turn < 200; turn++) {
		for (int i = 0; i < 4; i++)
			while (weir_write(writers[i]->stream, block, sizeof(block)) >= 0)
				continue;
		assert_true(weir_loop_step(net->loop, 0) >= 0);
		if (net->alloc.live_octets > most)
			most = net->alloc.live_octets;
	}
	assert_in_range(most - before, 4 * 90000, 4 * (100000 + 40000));
	for (int i = 0; i < 4; i++)
		assert_int_equal(readers[i]->len, 0);
}

#define LIMITED_TEST(f) cmocka_unit_test_setup_teardown(f, net_setup, unlimit)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIMITED_TEST(out_of_descriptors_clients_wait_and_nobody_spins),
		LIMITED_TEST(a_close_lets_the_listener_go_on_at_once),
		LIMITED_TEST(beyond_the_size_of_an_fd_set_all_are_served),
		NET_TEST(the_limit_of_a_loop_is_for_all_its_listeners),
		NET_TEST(the_longest_idle_is_dropped_for_a_newcomer),
		NET_TEST(one_with_octets_waiting_is_not_dropped),
		NET_TEST(one_that_may_not_be_dropped_makes_newcomers_wait),
		NET_TEST(at_the_cap_of_memory_all_comes_back_in_the_end),
		NET_TEST(with_few_buffers_many_readers_are_served),
		NET_TEST(without_buffers_reading_waits_and_writing_goes_on),
		NET_TEST(the_idle_make_room_for_reading),
		NET_TEST(spare_buffers_are_given_back_at_the_cap),
		NET_TEST(newcomers_leave_memory_to_those_who_are_in),
		NET_TEST(a_newcomer_without_memory_is_not_refused),
		NET_TEST(without_memory_writes_say_no_and_harm_nothing),
		NET_TEST(a_write_is_refused_whole_or_not_at_all),
		NET_TEST(what_cannot_be_kept_is_not_read),
		NET_TEST(after_a_refusal_for_want_of_memory_drain_comes),
		NET_TEST(who_waits_for_memory_is_not_put_off_by_others),
		NET_TEST(waiting_for_memory_is_not_idling),
		NET_TEST(stalled_connections_take_bounded_memory),
	};
	(void)getrlimit(RLIMIT_NOFILE, &usual);
	return cmocka_run_group_tests_name("exhaust", tests, NULL, NULL);
}
