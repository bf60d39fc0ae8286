/*
 * Do messages and descriptors get from one process to another whole, in order and just
 * once, whatever the other side does? The other side is a channel of the same loop
 * (pair), a plain socket that the test writes frames to (alone), or a process.
 *
 * With $WEIR_QUICK set, what is left to chance is tried less often.
 */
#include "tests/support/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/chan.h"

/* ---- parties: channels that record what they tell ---- */

struct note {
	uint32_t type;
	size_t len;
	char *data;
	int fd;
};

struct notes {
	struct note *at;
	int n;
};

/* The log has a letter for each call: m message, r drain, b returned (it is back), g gone. */
struct party {
	struct net *net;
	weir_chan *chan; /* NULL: closed or gone */
	char log[64];
	struct notes told, back;
	int drains, gones;
	int why; /* of gone */
	/* Called after each event (its letter) was recorded. */
	void (*then)(struct party *party, char event);
	struct party *other;
	int n; /* the test's */
};

static struct party parties[2];

static uint64_t rounds(uint64_t all)
{
	return getenv("WEIR_QUICK") ? all / 4 : all;
}

static struct note *add(struct notes *notes, uint32_t type, const void *data, size_t len, int fd)
{
	struct note *at = realloc(notes->at, (size_t)(notes->n + 1) * sizeof(*at));
	char *copy = malloc(len + 1);

	assert_non_null(at);
	assert_non_null(copy);
	if (len)
		memcpy(copy, data, len);
	at[notes->n] = (struct note){type, len, copy, fd};
	notes->at = at;
	return &at[notes->n++];
}

static void forget(struct notes *notes)
{
	for (int i = 0; i < notes->n; i++) {
		free(notes->at[i].data);
		if (notes->at[i].fd >= 0)
			assert_int_equal(close(notes->at[i].fd), 0);
	}
	free(notes->at);
	*notes = (struct notes){0};
}

static void record(struct party *party, char event)
{
	const size_t len = strlen(party->log);

	if (len + 1 < sizeof(party->log))
		party->log[len] = event;
	if (party->then)
		party->then(party, event);
}

/* Whoever was closed must not hear of anything any more. */
static struct party *living(weir_chan *chan, void *arg)
{
	struct party *party = arg;

	assert_ptr_equal(party->chan, chan);
	return party;
}

static void on_message(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                       void *arg)
{
	struct party *party = living(chan, arg);

	(void)add(&party->told, type, data, len, fd);
	record(party, 'm');
}

static void on_returned(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                        void *arg)
{
	struct party *party = living(chan, arg);

	assert_true(fd >= 0);
	(void)add(&party->back, type, data, len, fd);
	record(party, 'b');
}

static void on_drain(weir_chan *chan, void *arg)
{
	struct party *party = living(chan, arg);

	party->drains++;
	record(party, 'r');
}

static void on_gone(weir_chan *chan, int why, void *arg)
{
	struct party *party = living(chan, arg);

	party->gones++;
	party->why = why;
	record(party, 'g');
	party->chan = NULL;
}

static const weir_chan_ops party_ops = {
	.message = on_message,
	.drain = on_drain,
	.returned = on_returned,
	.gone = on_gone,
};

static void party_close(struct party *party)
{
	weir_chan_close(party->chan);
	party->chan = NULL;
}

/* What a round has left, so that the next one can begin. */
static void party_clear(struct party *party)
{
	party_close(party);
	forget(&party->told);
	forget(&party->back);
	*party = (struct party){.net = party->net, .other = party->other};
}

static void make_ends(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
}

static struct party *party_open(struct net *net, int which, int fd, const weir_chan_opts *opts)
{
	struct party *party = &parties[which];

	*party = (struct party){.net = net, .other = &parties[!which]};
	assert_int_equal(weir_chan_open(net->loop, &party->chan, fd, opts, &party_ops, party), 0);
	/* From its first turn on it gives to the kernel at once what is said. */
	assert_int_equal(weir_loop_step(net->loop, 0), 1);
	return party;
}

static void pair(struct net *net, const weir_chan_opts *opts, struct party **a, struct party **b)
{
	int fd[2];

	make_ends(fd);
	*a = party_open(net, 0, fd[0], opts);
	*b = party_open(net, 1, fd[1], opts);
}

/* A party whose other side is a plain socket, which is returned. */
static int alone(struct net *net, const weir_chan_opts *opts, struct party **party)
{
	int fd[2];

	make_ends(fd);
	*party = party_open(net, 0, fd[0], opts);
	return fd[1];
}

static int chan_teardown(void **state)
{
	for (int i = 0; i < 2; i++) {
		forget(&parties[i].told);
		forget(&parties[i].back);
		parties[i] = (struct party){0};
	}
	return net_teardown(state);
}

#define CHAN_TEST(f) cmocka_unit_test_setup_teardown(f, net_setup, chan_teardown)

static void send_buffer(const struct party *party, int size)
{
	assert_int_equal(setsockopt(weir_stream_fd(party->chan->stream), SOL_SOCKET, SO_SNDBUF,
	                            &size, sizeof(size)),
	                 0);
}

/* ---- messages that prove themselves: the pattern from their type on ---- */

static int64_t say(struct party *party, uint32_t type, size_t len)
{
	char *data = malloc(len + 1);

	assert_non_null(data);
	pattern_fill(data, len, type);
	const int64_t result = weir_chan_send(party->chan, type, data, len);
	free(data);
	return result;
}

static int64_t pass(struct party *party, uint32_t type, size_t len, int fd)
{
	char *data = malloc(len + 1);

	assert_non_null(data);
	pattern_fill(data, len, type);
	const int64_t result = weir_chan_pass(party->chan, type, data, len, fd);
	free(data);
	return result;
}

static void assert_note(const struct note *note, uint32_t type, size_t len)
{
	assert_int_equal(note->type, type);
	assert_int_equal(note->len, len);
	assert_true(pattern_is(note->data, len, type));
}

/* Types count up from 0. */
static void assert_in_order(const struct notes *notes)
{
	for (int i = 0; i < notes->n; i++)
		assert_note(&notes->at[i], (uint32_t)i, notes->at[i].len);
}

static void await_messages(struct party *party, int n)
{
	while (party->told.n < n) {
		assert_int_equal(party->gones, 0);
		net_turn(party->net);
	}
	assert_int_equal(party->told.n, n);
}

static void await_gone(struct party *party)
{
	while (!party->gones)
		net_turn(party->net);
}

/* ---- frames, octet by octet, of somebody who is no weir ---- */

struct frame {
	uint32_t len, type;
};

/* The bit that says that a descriptor goes along. */
#define WITH_FD UINT32_C(0x80000000)

static size_t frame_put(char *to, uint32_t type, uint32_t len, uint32_t flags)
{
	const struct frame head = {len | flags, type};

	memcpy(to, &head, sizeof(head));
	pattern_fill(to + sizeof(head), len, type);
	return sizeof(head) + len;
}

static void raw_frame(int fd, uint32_t type, uint32_t len, uint32_t flags)
{
	char *data = malloc(sizeof(struct frame) + len);

	assert_non_null(data);
	raw_write(fd, data, frame_put(data, type, len, flags));
	free(data);
}

/* Octets with so many descriptors. */
static void raw_pass(int fd, const void *data, size_t len, const int *passed, int n)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * 32)];
	} control;
	struct iovec piece = {(void *)(uintptr_t)data, len};
	struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	msg.msg_control = &control;
	msg.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * (size_t)n);
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * (size_t)n);
	memcpy(CMSG_DATA(head), passed, sizeof(int) * (size_t)n);
	assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), len);
}

/* ---- descriptors that can be told apart ---- */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static ino_t id_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* The end of a pipe that is written; the other one does not wait. */
static int new_pipe(int *reader)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	*reader = fd[0];
	return fd[1];
}

/* How often an octet was written to the pipe; *ended: nobody has it for writing any more. */
static int pipe_used(int reader, bool *ended)
{
	char octets[16];
	ssize_t got;
	int n = 0;

	while ((got = read(reader, octets, sizeof(octets))) > 0)
		n += (int)got;
	*ended = got == 0;
	return n;
}

static bool pipe_ended(int reader)
{
	bool ended;

	assert_int_equal(pipe_used(reader, &ended), 0);
	return ended;
}

/* ---- messages ---- */

static const size_t sizes[] = {0,     1,     7,     8,     9,     16368, 16375, 16376,
                               16377, 16383, 16384, 16385, 16392, 32768, 65535, 65536};
enum { SIZES = sizeof(sizes) / sizeof(*sizes) };

static void messages_arrive_whole_and_in_order_both_ways(void **state)
{
	struct party *a, *b;
	pair(*state, NULL, &a, &b);

	for (uint32_t i = 0; i < SIZES; i++) {
		assert_true(say(a, i, sizes[i]) >= 0);
		assert_true(say(b, i, sizes[SIZES - 1 - i]) >= 0);
	}
	await_messages(b, SIZES);
	await_messages(a, SIZES);
	for (uint32_t i = 0; i < SIZES; i++) {
		assert_note(&b->told.at[i], i, sizes[i]);
		assert_note(&a->told.at[i], i, sizes[SIZES - 1 - i]);
		assert_int_equal(a->told.at[i].fd, -1);
	}
}

static void a_message_longer_than_the_limit_is_refused_at_the_call(void **state)
{
	const weir_chan_opts opts = {.max_message = 100};
	struct party *a, *b;
	pair(*state, &opts, &a, &b);
	int reader;
	const int writer = new_pipe(&reader);

	assert_int_equal(say(a, 0, 101), WEIR_ETOOBIG);
	assert_int_equal(pass(a, 0, 101, writer), WEIR_ETOOBIG);
	assert_int_equal(weir_chan_send(a->chan, 0, "", SIZE_MAX), WEIR_ETOOBIG);
	assert_true(say(a, 0, 100) >= 0);
	await_messages(b, 1);
	assert_note(&b->told.at[0], 0, 100);
	assert_true(is_open(writer));
	(void)close(writer);
	(void)close(reader);
}

static void the_largest_messages_there_can_be_arrive(void **state)
{
	const weir_chan_opts opts = {.max_message = 16 << 20};
	struct party *a, *b;
	pair(*state, &opts, &a, &b);

	assert_true(say(a, 0, 16 << 20) >= 0);
	assert_true(say(a, 1, 16 << 20) >= 0);
	assert_int_equal(say(a, 2, (16 << 20) + 1), WEIR_ETOOBIG);
	await_messages(b, 2);
	assert_note(&b->told.at[0], 0, 16 << 20);
	assert_note(&b->told.at[1], 1, 16 << 20);
}

static void types_that_are_weirs_and_lengths_without_data_are_refused(void **state)
{
	struct party *a, *b;
	pair(*state, NULL, &a, &b);
	int reader;
	const int writer = new_pipe(&reader);

	assert_int_equal(weir_chan_send(a->chan, WEIR_CHAN_TYPES, "x", 1), WEIR_EINVALID);
	assert_int_equal(weir_chan_send(a->chan, UINT32_MAX, "x", 1), WEIR_EINVALID);
	assert_int_equal(weir_chan_send(a->chan, 1, NULL, 1), WEIR_EINVALID);
	assert_int_equal(weir_chan_pass(a->chan, WEIR_CHAN_TYPES, "x", 1, writer), WEIR_EINVALID);
	assert_int_equal(weir_chan_pass(a->chan, 1, NULL, 1, writer), WEIR_EINVALID);
	assert_true(weir_chan_send(a->chan, WEIR_CHAN_TYPES - 1, NULL, 0) >= 0);
	await_messages(b, 1);
	assert_int_equal(b->told.at[0].type, WEIR_CHAN_TYPES - 1);
	(void)close(writer);
	(void)close(reader);
}

static void limits_that_make_no_sense_are_refused(void **state)
{
	static const weir_chan_opts bad[] = {
		{.max_message = -1},
		{.max_message = (16 << 20) + 1},
		{.max_passing = -1},
		{.max_queue = -1},
		{.max_message = 1000, .max_queue = 2 * 1008 - 1},
		{.max_queue = INT32_MAX},
	};
	struct net *net = *state;
	weir_chan *chan = (weir_chan *)(void *)&net;
	int fd[2];
	make_ends(fd);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], &bad[i], &party_ops, NULL),
		                 WEIR_EINVALID);
		assert_null(chan);
		assert_true(is_open(fd[0]));
	}
	const weir_chan_opts good = {.max_message = 1000, .max_queue = 2 * 1008};
	assert_int_equal(weir_chan_open(net->loop, NULL, fd[0], &good, NULL, NULL), 0);
	(void)close(fd[1]);
}

static void only_an_end_of_a_pair_of_local_stream_sockets_will_do(void **state)
{
	struct net *net = *state;
	weir_chan *chan;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], NULL, &party_ops, NULL),
	                 -ENOTSOCK);
	(void)close(fd[0]);
	(void)close(fd[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
	assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], NULL, &party_ops, NULL), -EINVAL);
	(void)close(fd[0]);
	(void)close(fd[1]);
	fd[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], NULL, &party_ops, NULL), -EINVAL);
	(void)close(fd[0]);

	struct host *host = net_listen(net, NULL, NULL);
	fd[0] = raw_connect(host->address);
	assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], NULL, &party_ops, NULL), -EINVAL);
	assert_true(is_open(fd[0]));
	(void)close(fd[0]);

	make_ends(fd);
	assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], NULL, NULL, NULL), 0);
	assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], NULL, NULL, NULL), -EBUSY);
	(void)close(fd[1]);
}

static void octet_by_octet_messages_come_as_they_are_complete(void **state)
{
	struct net *net = *state;
	struct party *a;
	const int raw = alone(net, NULL, &a);
	static const uint32_t lens[] = {0, 1, 20, 0};
	char octets[8 + 20];

	for (uint32_t type = 0; type < 4; type++) {
		const size_t len = frame_put(octets, type, lens[type], 0);
		for (size_t i = 0; i < len; i++) {
			assert_int_equal(a->told.n, type);
			raw_write(raw, octets + i, 1);
			net_turn(net);
		}
		await_messages(a, (int)type + 1);
		assert_note(&a->told.at[type], type, lens[type]);
	}
	(void)close(raw);
}

static void frames_may_be_split_anywhere(void **state)
{
	struct net *net = *state;
	struct party *a;
	const int raw = alone(net, NULL, &a);
	char octets[100];
	size_t len = frame_put(octets, 0, 9, 0);
	len += frame_put(octets + len, 1, 0, 0);
	len += frame_put(octets + len, 2, 30, 0);

	for (size_t cut = 1; cut < len; cut++) {
		raw_write(raw, octets, cut);
		net_turn(net);
		raw_write(raw, octets + cut, len - cut);
		await_messages(a, 3);
		assert_in_order(&a->told);
		forget(&a->told);
	}
	(void)close(raw);
}

static void many_messages_in_one_read_are_told_one_by_one(void **state)
{
	struct party *a;
	const int raw = alone(*state, NULL, &a);
	static char octets[16000];
	size_t len = 0;
	int n = 0;

	for (; len < sizeof(octets) - 8 - 5; n++)
		len += frame_put(octets + len, (uint32_t)n, (uint32_t)n % 6, 0);
	raw_write(raw, octets, len);
	await_messages(a, n);
	assert_in_order(&a->told);
	(void)close(raw);
}

static void answer(struct party *party, char event)
{
	if (event == 'm' && ++party->n < 1000)
		assert_true(say(party, (uint32_t)party->told.n, (size_t)party->n) >= 0);
}

static void a_message_may_be_answered_in_its_callback(void **state)
{
	struct party *a, *b;
	pair(*state, NULL, &a, &b);
	a->then = b->then = answer;

	assert_true(say(a, 0, 10) >= 0);
	while (a->n < 1000 && b->n < 1000)
		net_turn(*state);
	assert_true(b->told.n >= 999);
}

/* ---- a queue that is full ---- */

static void beyond_max_queue_nothing_is_taken_until_drain(void **state)
{
	struct net *net = *state;
	const weir_chan_opts opts = {.max_message = 1000, .max_queue = 10000};
	struct party *a, *b;
	uint32_t sent = 0;
	int64_t result, queued = 0;
	pair(net, &opts, &a, &b);
	send_buffer(a, 4096);
	weir_chan_hold(b->chan, true);

	while ((result = say(a, sent, 500)) >= 0) {
		sent++;
		queued = result;
	}
	assert_int_equal(result, WEIR_EFULL);
	assert_in_range(queued, 10000 - 508 + 1, 10000);
	assert_int_equal(weir_queued(a->chan->stream), queued);
	assert_int_equal(say(a, sent, 500), WEIR_EFULL);
	net_turns(net, 5);
	assert_int_equal(a->drains, 0);

	weir_chan_hold(b->chan, false);
	while (!a->drains)
		net_turn(net);
	assert_true(say(a, sent, 500) >= 0);
	await_messages(b, (int)sent + 1);
	assert_in_order(&b->told);
	net_turns(net, 5);
	assert_int_equal(a->drains, 1);
}

enum { FLOOD = 3000 };

/* Sends as much as is taken. */
static void flood(struct party *party, char event)
{
	if (event != 'r')
		return;
	while (party->n < FLOOD && say(party, (uint32_t)party->n, (size_t)party->n % 700) >= 0)
		party->n++;
}

static void who_sends_at_drain_gets_all_across_both_ways(void **state)
{
	const weir_chan_opts opts = {.max_message = 1000, .max_queue = 10000};
	struct party *a, *b;
	pair(*state, &opts, &a, &b);
	send_buffer(a, 4096);
	send_buffer(b, 4096);
	a->then = b->then = flood;

	flood(a, 'r');
	flood(b, 'r');
	while (a->told.n < FLOOD || b->told.n < FLOOD)
		net_turn(*state);
	assert_in_order(&a->told);
	assert_in_order(&b->told);
	assert_true(a->drains > 0 && b->drains > 0);
}

/* ---- holding, roles, ends ---- */

static void hold_each(struct party *party, char event)
{
	if (event != 'm')
		return;
	party->n++;
	weir_chan_hold(party->chan, true);
}

static void a_hold_in_a_message_keeps_order_and_descriptors(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	int readers[20];
	ino_t ids[20];
	pair(net, NULL, &a, &b);
	b->then = hold_each;

	for (uint32_t i = 0; i < 60; i++) {
		if (i % 3 != 2) {
			assert_true(say(a, i, i % 7) >= 0);
			continue;
		}
		const int writer = new_pipe(&readers[i / 3]);
		ids[i / 3] = id_of(writer);
		assert_true(pass(a, i, i % 7, writer) >= 0);
	}
	for (int i = 1; i <= 60; i++) {
		await_messages(b, i);
		net_turn(net);
		net_turn(net);
		assert_int_equal(b->n, i);
		weir_chan_hold(b->chan, false);
	}
	assert_in_order(&b->told);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(b->told.at[i].fd >= 0, i % 3 == 2);
		if (i % 3 != 2)
			continue;
		assert_int_equal(id_of(b->told.at[i].fd), ids[i / 3]);
		(void)close(readers[i / 3]);
	}
}

static void without_callbacks_messages_wait_for_them(void **state)
{
	struct net *net = *state;
	int fd[2], reader;
	make_ends(fd);
	struct party *a = party_open(net, 0, fd[0], NULL), *b = &parties[1];
	*b = (struct party){.net = net};
	const int writer = new_pipe(&reader);

	assert_true(say(a, 0, 100) >= 0);
	assert_true(pass(a, 1, 5, writer) >= 0);
	/* Also when they are there before the channel is. */
	assert_int_equal(weir_chan_open(net->loop, &b->chan, fd[1], NULL, NULL, NULL), 0);
	assert_true(say(a, 2, 30000) >= 0);
	net_turns(net, 10);
	assert_true(is_open(writer));
	weir_chan_on(b->chan, &party_ops, b);
	await_messages(b, 3);
	assert_in_order(&b->told);
	assert_true(b->told.at[1].fd >= 0);
	(void)close(reader);
}

/* A child that only has something to say need not wait for a turn. */
static void what_is_said_before_the_first_turn_is_with_the_kernel_at_once(void **state)
{
	struct net *net = *state;
	int fd[2];
	make_ends(fd);
	struct party *b = party_open(net, 1, fd[1], NULL);
	weir_chan *chan;

	assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], NULL, NULL, NULL), 0);
	assert_int_equal(weir_chan_send(chan, 0, NULL, 0), 0);
	weir_chan_close(chan);
	await_gone(b);
	assert_string_equal(b->log, "mg");
}

static void callbacks_may_change_between_messages(void **state)
{
	struct net *net = *state;
	struct party *a, *b, third = {.net = net};
	pair(net, NULL, &a, &b);

	assert_true(say(a, 0, 10) >= 0);
	await_messages(b, 1);
	third.chan = b->chan;
	weir_chan_on(b->chan, &party_ops, &third);
	assert_true(say(a, 1, 10) >= 0);
	await_messages(&third, 1);
	assert_int_equal(b->told.n, 1);
	party_close(&third);
	b->chan = NULL;
	forget(&third.told);
}

static void a_channel_holds_the_loop_from_its_callbacks_to_its_end(void **state)
{
	struct net *net = *state;
	int fd[2];
	make_ends(fd);
	struct party *a = &parties[0];
	*a = (struct party){.net = net};

	assert_int_equal(weir_chan_open(net->loop, &a->chan, fd[0], NULL, NULL, NULL), 0);
	assert_int_equal(weir_loop_step(net->loop, 0), 0);
	weir_chan_on(a->chan, &party_ops, a);
	assert_int_equal(weir_loop_step(net->loop, 0), 1);
	weir_chan_unref(a->chan, true);
	weir_chan_unref(a->chan, true);
	assert_int_equal(weir_loop_step(net->loop, 0), 0);
	weir_chan_unref(a->chan, false);
	assert_int_equal(weir_loop_step(net->loop, 0), 1);
	weir_chan_unref(a->chan, true);
	(void)close(fd[1]);
	while (!a->gones)
		(void)weir_loop_step(net->loop, 10);
	assert_int_equal(weir_loop_step(net->loop, 0), 0);
	weir_loop_hold(net->loop);
	assert_int_equal(weir_loop_step(net->loop, 0), 1);
	weir_loop_release(net->loop);
}

static void what_was_said_about_holding_the_loop_outlasts_the_first_callbacks(void **state)
{
	struct net *net = *state;
	int fd[2];
	make_ends(fd);
	struct party *a = &parties[0];
	*a = (struct party){.net = net};

	assert_int_equal(weir_chan_open(net->loop, &a->chan, fd[0], NULL, NULL, NULL), 0);
	weir_chan_unref(a->chan, true);
	weir_chan_on(a->chan, &party_ops, a);
	assert_int_equal(weir_loop_step(net->loop, 0), 0);
	/* Messages come all the same, also after other callbacks. */
	raw_frame(fd[1], 0, 5, 0);
	await_messages(a, 1);
	weir_chan_on(a->chan, NULL, NULL);
	weir_chan_on(a->chan, &party_ops, a);
	assert_int_equal(weir_loop_step(net->loop, 0), 0);
	(void)close(fd[1]);
}

static void after_finish_what_was_said_arrives_and_both_end(void **state)
{
	struct net *net = *state;
	for (int who = 0; who < 2; who++) {
		struct party *a, *b;
		pair(net, NULL, &a, &b);
		send_buffer(a, 4096);
		send_buffer(b, 4096);
		struct party *first = who ? b : a, *second = who ? a : b;

		for (uint32_t i = 0; i < 20; i++) {
			assert_true(say(first, i, 5000) >= 0);
			assert_true(say(second, i, 5000) >= 0);
		}
		weir_chan_finish(first->chan);
		weir_chan_finish(first->chan);
		assert_int_equal(say(first, 20, 1), WEIR_ECLOSED);
		await_gone(first);
		await_gone(second);
		assert_int_equal(first->why, 0);
		assert_int_equal(second->why, 0);
		assert_int_equal(first->told.n, 20);
		assert_int_equal(second->told.n, 20);
		assert_in_order(&first->told);
		assert_in_order(&second->told);
		party_clear(a);
		party_clear(b);
	}
}

static void both_may_finish_at_once(void **state)
{
	struct party *a, *b;
	pair(*state, NULL, &a, &b);

	assert_true(say(a, 0, 10) >= 0);
	assert_true(say(b, 0, 10) >= 0);
	weir_chan_finish(a->chan);
	weir_chan_finish(b->chan);
	await_gone(a);
	await_gone(b);
	assert_string_equal(a->log, "mg");
	assert_string_equal(b->log, "mg");
	assert_int_equal(a->why, 0);
	assert_int_equal(b->why, 0);
}

static void who_is_held_hears_of_the_end_behind_the_messages(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	pair(net, NULL, &a, &b);
	b->then = hold_each;

	for (uint32_t i = 0; i < 3; i++)
		assert_true(say(a, i, 10) >= 0);
	party_close(a);
	for (int i = 1; i <= 3; i++) {
		await_messages(b, i);
		net_turns(net, 5);
		assert_int_equal(b->told.n, i);
		assert_int_equal(b->gones, 0);
		weir_chan_hold(b->chan, false);
	}
	await_gone(b);
	assert_string_equal(b->log, "mmmg");
	assert_int_equal(b->why, 0);
}

static void who_leaves_messages_unread_is_told_of_as_a_reset(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	pair(net, NULL, &a, &b);
	weir_chan_hold(b->chan, true);

	assert_true(say(a, 0, 10) >= 0);
	net_turn(net);
	party_close(b);
	await_gone(a);
	assert_int_equal(a->why, -ECONNRESET);
}

static void what_was_said_before_the_end_is_told_though_writing_fails(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	pair(net, NULL, &a, &b);

	for (uint32_t i = 0; i < 10; i++)
		assert_true(say(b, i, 1000) >= 0);
	party_close(b);
	/* a has not heard of it yet. */
	assert_true(say(a, 0, 10) >= 0);
	assert_int_equal(say(a, 1, 10), WEIR_ECLOSED);
	assert_int_equal(a->gones, 0);
	await_gone(a);
	assert_int_equal(a->told.n, 10);
	assert_in_order(&a->told);
}

static void a_loop_that_is_freed_takes_its_channels_along(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	int readers[3];
	pair(net, NULL, &a, &b);
	send_buffer(a, 4096);

	weir_chan_hold(b->chan, true);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(pass(a, i, 5000, new_pipe(&readers[i])) >= 0);
	assert_true(weir_queued(a->chan->stream) > 0);
	net_turns(net, 5);
	net_reopen(net, NULL);
	a->chan = b->chan = NULL;
	for (int i = 0; i < 3; i++) {
		assert_true(pipe_ended(readers[i]));
		(void)close(readers[i]);
	}
}

/* ---- closing in callbacks ---- */

/* At which event of whom what is closed. */
static struct {
	struct party *who;
	char event;
	bool itself, other, finishes;
} plan;

static void close_as_planned(struct party *party, char event)
{
	if (party != plan.who || event != plan.event)
		return;
	plan.who = NULL;
	if (plan.finishes)
		weir_chan_finish(party->chan);
	if (plan.other)
		party_close(party->other);
	if (plan.itself)
		party_close(party);
}

/* b gets messages and two descriptors, a hears of drain; or, with b held and closed, a gets
   its descriptors back and its channel ends. */
static void close_round(struct net *net, char event, unsigned what)
{
	const weir_chan_opts opts = {.max_passing = 2};
	const int fds = test_open_fds();
	struct party *a, *b;
	int readers[3];
	bool in_b = event == 'm';
	pair(net, &opts, &a, &b);
	a->then = b->then = close_as_planned;
	plan.who = in_b ? b : a;
	plan.event = event;
	plan.itself = what & 1;
	plan.other = what & 2;
	plan.finishes = what & 4;
	const bool back = event == 'b' || event == 'g';

	if (back)
		weir_chan_hold(b->chan, true);
	for (uint32_t i = 0; i < 3; i++) {
		const int writer = new_pipe(&readers[i]);
		const int64_t result = pass(a, i, 3000, writer);
		assert_true(i < 2 ? result >= 0 : result == WEIR_EFULL);
		if (i == 2)
			(void)close(writer);
	}
	assert_true(say(a, 3, 100) >= 0);
	if (back) {
		net_turn(net);
		party_close(b);
	}
	while (plan.who)
		net_turn(net);
	net_turns(net, 3);
	party_clear(a);
	party_clear(b);
	net_turns(net, 3);
	for (int i = 0; i < 3; i++) {
		assert_true(pipe_ended(readers[i]));
		(void)close(readers[i]);
	}
	assert_int_equal(test_open_fds(), fds);
}

static void channels_may_be_closed_in_every_callback(void **state)
{
	for (const char *event = "mrbg"; *event; event++)
		for (unsigned what = 0; what < 8; what++)
			close_round(*state, *event, what);
}

static void closing_is_silent_and_none_is_nothing(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	pair(net, NULL, &a, &b);

	weir_chan_close(NULL);
	assert_true(say(a, 0, 10) >= 0);
	weir_chan_finish(b->chan);
	party_close(a);
	net_turns(net, 5);
	assert_string_equal(a->log, "");
	assert_string_equal(b->log, "mg");
}

/* ---- what nobody should send ---- */

static void assert_ends(struct party *party, int why)
{
	await_gone(party);
	assert_int_equal(party->why, why);
	assert_int_equal(party->told.n, 0);
}

static void a_length_beyond_the_limit_ends_the_channel(void **state)
{
	static const uint32_t lens[] = {1001, 0x7fffffff, 1001 | WITH_FD, UINT32_MAX};
	const weir_chan_opts opts = {.max_message = 1000};

	for (int i = 0; i < 4; i++) {
		struct party *a;
		const int raw = alone(*state, &opts, &a);
		const struct frame head = {lens[i], 1};
		raw_write(raw, &head, sizeof(head));
		assert_ends(a, WEIR_ETOOBIG);
		(void)close(raw);
	}
}

static void a_word_that_weir_does_not_know_ends_the_channel(void **state)
{
	static const uint32_t words[] = {0, WEIR__WORDS, 1000, 0x7fffffff};

	for (int i = 0; i < 4; i++) {
		struct party *a;
		const int raw = alone(*state, NULL, &a);
		raw_frame(raw, WEIR_CHAN_TYPES + words[i], 3, 0);
		assert_ends(a, WEIR_EMALFORMED);
		(void)close(raw);
	}
}

/* What only weir's own processes say to one another is dropped elsewhere. */
static void words_that_are_for_others_are_passed_over(void **state)
{
	struct party *a;
	const int raw = alone(*state, NULL, &a);

	for (uint32_t word = WEIR__READY; word < WEIR__WORDS; word++)
		raw_frame(raw, WEIR_CHAN_TYPES + word, word, 0);
	raw_frame(raw, 7, 1, 0);
	await_messages(a, 1);
	assert_note(&a->told.at[0], 7, 1);
	(void)close(raw);
}

static void a_frame_that_claims_a_descriptor_and_has_none_ends_the_channel(void **state)
{
	struct party *a;
	const int raw = alone(*state, NULL, &a);

	raw_frame(raw, 1, 10, WITH_FD);
	assert_ends(a, WEIR_EMALFORMED);
	(void)close(raw);
}

static void a_descriptor_that_no_frame_claims_ends_the_channel_and_is_closed(void **state)
{
	struct net *net = *state;
	char octets[64];

	for (int whole = 0; whole < 2; whole++) {
		struct party *a;
		const int raw = alone(net, NULL, &a);
		int reader;
		const int writer = new_pipe(&reader);
		const size_t len = frame_put(octets, 0, 20, 0);
		raw_pass(raw, octets, whole ? len : len - 1, &writer, 1);
		(void)close(writer);
		await_gone(a);
		assert_int_equal(a->why, WEIR_EMALFORMED);
		assert_true(pipe_ended(reader));
		(void)close(reader);
		(void)close(raw);
		party_clear(a);
	}
}

static void more_descriptors_than_a_frame_can_have_end_the_channel_and_are_closed(void **state)
{
	struct net *net = *state;
	static const int counts[] = {2, 8, 9, 20};
	char octets[64];

	for (int i = 0; i < 4; i++) {
		struct party *a;
		const int raw = alone(net, NULL, &a);
		int reader, writers[20];
		writers[0] = new_pipe(&reader);
		for (int j = 1; j < counts[i]; j++)
			writers[j] = dup(writers[0]);
		raw_pass(raw, octets, frame_put(octets, 0, 20, WITH_FD), writers, counts[i]);
		for (int j = 0; j < counts[i]; j++)
			(void)close(writers[j]);
		await_gone(a);
		assert_int_equal(a->why, WEIR_EMALFORMED);
		party_clear(a);
		assert_true(pipe_ended(reader));
		(void)close(reader);
		(void)close(raw);
	}
}

/* Within one message, one for each octet. */
static void descriptors_cannot_be_heaped_up(void **state)
{
	struct net *net = *state;
	struct party *a;
	const int raw = alone(net, NULL, &a);
	int reader;
	const int writer = new_pipe(&reader);
	char octets[1100];
	const size_t len = frame_put(octets, 0, 1000, WITH_FD);

	for (size_t i = 0; i < len && !a->gones; i++) {
		raw_pass(raw, octets + i, 1, &writer, 1);
		net_turn(net);
	}
	(void)close(writer);
	assert_ends(a, WEIR_EMALFORMED);
	assert_true(pipe_ended(reader));
	(void)close(reader);
	(void)close(raw);
}

static void a_confirmation_that_nobody_waits_for_ends_the_channel(void **state)
{
	static const uint32_t words[] = {WEIR__CONFIRM, WEIR__REFUSE};

	for (int i = 0; i < 2; i++) {
		struct party *a;
		const int raw = alone(*state, NULL, &a);
		raw_frame(raw, WEIR_CHAN_TYPES + words[i], 0, 0);
		assert_ends(a, WEIR_EMALFORMED);
		(void)close(raw);
	}
}

/* It is still in the queue here. */
static void a_confirmation_of_what_was_not_sent_ends_the_channel(void **state)
{
	struct net *net = *state;
	struct party *a;
	const int raw = alone(net, NULL, &a);
	int reader;
	send_buffer(a, 4096);

	while (!weir_queued(a->chan->stream))
		assert_true(say(a, 0, 5000) >= 0);
	assert_true(pass(a, 1, 4, new_pipe(&reader)) >= 0);
	raw_frame(raw, WEIR_CHAN_TYPES + WEIR__CONFIRM, 0, 0);
	await_gone(a);
	assert_int_equal(a->why, WEIR_EMALFORMED);
	/* Nobody can have it: it is back. */
	assert_string_equal(a->log, "bg");
	(void)close(reader);
	(void)close(raw);
}

static void an_end_within_a_frame_is_told_as_short(void **state)
{
	char octets[64];
	const size_t len = frame_put(octets, 0, 20, 0);

	for (size_t cut = 1; cut < len; cut++) {
		struct party *a;
		const int raw = alone(*state, NULL, &a);
		raw_write(raw, octets, cut);
		if (cut % 2)
			net_turn(*state);
		(void)close(raw);
		assert_ends(a, WEIR_ESHORT);
	}
}

static void a_descriptor_of_a_frame_that_is_cut_is_closed(void **state)
{
	char octets[64];
	const size_t len = frame_put(octets, 0, 20, WITH_FD);

	for (size_t cut = 1; cut < len; cut++) {
		struct party *a;
		const int raw = alone(*state, NULL, &a);
		int reader;
		const int writer = new_pipe(&reader);
		raw_pass(raw, octets, cut, &writer, 1);
		(void)close(writer);
		net_turn(*state);
		(void)close(raw);
		assert_ends(a, WEIR_ESHORT);
		assert_true(pipe_ended(reader));
		(void)close(reader);
	}
}

/* What was right before it is told, and nothing behind it. */
static void messages_before_a_bad_frame_are_told(void **state)
{
	struct party *a;
	const int raw = alone(*state, NULL, &a);
	char octets[100];
	size_t len = frame_put(octets, 0, 10, 0);
	len += frame_put(octets + len, 1, 10, 0);
	len += frame_put(octets + len, WEIR_CHAN_TYPES, 0, 0);
	len += frame_put(octets + len, 2, 10, 0);

	raw_write(raw, octets, len);
	await_gone(a);
	assert_int_equal(a->why, WEIR_EMALFORMED);
	assert_int_equal(a->told.n, 2);
	assert_in_order(&a->told);
	(void)close(raw);
}

/* Frames that are mostly right, and then octets of any kind. */
static size_t random_octets(char *octets, size_t room)
{
	size_t len = 0;

	while (len < room - 8 - 600 && test_roll(8)) {
		const uint32_t type = test_roll(4) ? test_roll(9) : WEIR_CHAN_TYPES + test_roll(9);
		const uint32_t size = test_roll(5) ? test_roll(16) : test_roll(600);
		len += frame_put(octets + len, type, size, test_roll(3) ? 0 : WITH_FD);
	}
	for (uint32_t n = test_roll(3) ? 0 : test_roll(20); n; n--)
		octets[len ? test_roll((uint32_t)len) : 0] = (char)test_roll(256);
	for (uint32_t n = test_roll(3) ? 0 : test_roll(300); n; n--)
		octets[len++] = (char)test_roll(256);
	return len;
}

static void send_random_octets(struct party *party, int raw, int writer)
{
	static char octets[4096];
	int many[20];
	const size_t len = random_octets(octets, sizeof(octets) - 400);

	for (int i = 0; i < 20; i++)
		many[i] = writer;
	for (size_t at = 0; at < len;) {
		const uint32_t most = test_roll(4) ? 1 + test_roll(40) : 2000;
		const size_t n = len - at < most ? len - at : most;
		if (party->gones)
			return;
		if (test_roll(3))
			raw_write(raw, octets + at, n);
		else
			raw_pass(raw, octets + at, n, many,
			         test_roll(9) ? 1 : 1 + (int)test_roll(20));
		at += n;
		if (!test_roll(3))
			(void)weir_loop_step(party->net->loop, 0);
	}
}

static void hold_at_times(struct party *party, char event)
{
	if (event == 'm' && !test_roll(4))
		weir_chan_hold(party->chan, true);
}

static void no_octets_and_descriptors_do_any_harm(void **state)
{
	const weir_chan_opts opts = {.max_message = 500, .max_passing = 3};
	struct net *net = *state;
	int theirs;
	const int writer = new_pipe(&theirs), fds = test_open_fds();
	size_t blocks = 0;

	for (uint64_t row = 0; row < rounds(4000); row++) {
		struct party *a;
		const int raw = alone(net, &opts, &a);
		test_dice(row);
		a->then = hold_at_times;
		/* Something that can be confirmed. */
		for (uint32_t n = test_roll(4); n; n--) {
			int reader;
			assert_true(pass(a, 1, test_roll(50), new_pipe(&reader)) >= 0);
			(void)close(reader);
		}
		send_random_octets(a, raw, writer);
		const bool half = test_roll(2);
		if (half)
			(void)shutdown(raw, SHUT_WR);
		else
			(void)close(raw);
		while (!a->gones) {
			(void)weir_loop_step(net->loop, 0);
			if (a->chan)
				weir_chan_hold(a->chan, false);
		}
		if (half)
			(void)close(raw);
		party_clear(a);
		assert_int_equal(test_open_fds(), fds);
		if (row == rounds(1000))
			blocks = net->alloc.live_blocks;
		if (row > rounds(1000))
			assert_true(net->alloc.live_blocks <= blocks + 8);
	}
	(void)close(writer);
	(void)close(theirs);
}

/* ---- descriptors ---- */

static void files_pipes_and_sockets_go_both_ways_each_with_its_message(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	int fds[5], reader, ends[2];
	ino_t ids[5];
	pair(net, NULL, &a, &b);

	for (int way = 0; way < 2; way++) {
		struct party *from = way ? b : a, *to = way ? a : b;
		fds[0] = open("/dev/null", O_RDWR);
		fds[1] = new_pipe(&reader);
		fds[2] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(listen(fds[2], 5), 0);
		make_ends(ends);
		fds[3] = ends[0];
		fds[4] = open(test_dir(), O_RDONLY);
		for (uint32_t i = 0; i < 5; i++) {
			ids[i] = id_of(fds[i]);
			assert_true(pass(from, 2 * i, 10 * i, fds[i]) >= 0);
			assert_true(say(from, 2 * i + 1, i) >= 0);
		}
		await_messages(to, 10);
		assert_in_order(&to->told);
		for (int i = 0; i < 5; i++) {
			assert_int_equal(id_of(to->told.at[2 * i].fd), ids[i]);
			assert_int_equal(to->told.at[2 * i + 1].fd, -1);
			assert_true(fcntl(to->told.at[2 * i].fd, F_GETFD) & FD_CLOEXEC);
		}
		(void)close(reader);
		(void)close(ends[1]);
	}
}

static void a_descriptor_is_non_blocking_if_it_was(void **state)
{
	struct party *a, *b;
	int reader;
	pair(*state, NULL, &a, &b);

	for (int i = 0; i < 2; i++) {
		const int writer = new_pipe(&reader);
		(void)close(reader);
		assert_int_equal(fcntl(writer, F_SETFL, i ? O_NONBLOCK : 0), 0);
		assert_true(pass(a, 0, 0, writer) >= 0);
		await_messages(b, i + 1);
		assert_int_equal(!!(fcntl(b->told.at[i].fd, F_GETFL) & O_NONBLOCK), i);
	}
}

static void the_senders_copy_is_closed_when_it_is_confirmed_and_not_before(void **state)
{
	struct net *net = *state;
	struct party *a;
	const int raw = alone(net, NULL, &a);
	int reader;
	const int writer = new_pipe(&reader);
	struct frame head;

	assert_true(pass(a, 5, 0, writer) >= 0);
	raw_read(raw, &head, sizeof(head));
	assert_int_equal(head.len, WITH_FD);
	assert_int_equal(head.type, 5);
	net_turns(net, 10);
	assert_true(is_open(writer));
	raw_frame(raw, WEIR_CHAN_TYPES + WEIR__CONFIRM, 0, 0);
	while (is_open(writer))
		net_turn(net);
	assert_string_equal(a->log, "");
	assert_true(pipe_ended(reader));
	(void)close(reader);
	(void)close(raw);
}

static void a_descriptor_for_which_there_was_no_room_comes_back(void **state)
{
	struct net *net = *state;
	struct party *a;
	const int raw = alone(net, NULL, &a);
	int reader;
	const int writer = new_pipe(&reader);

	assert_true(pass(a, 5, 100, writer) >= 0);
	net_turn(net);
	raw_frame(raw, WEIR_CHAN_TYPES + WEIR__REFUSE, 0, 0);
	while (!a->back.n)
		net_turn(net);
	assert_string_equal(a->log, "b");
	assert_note(&a->back.at[0], 5, 100);
	assert_int_equal(a->back.at[0].fd, writer);
	assert_true(is_open(writer));
	(void)close(reader);
	(void)close(raw);
}

static void confirmation_and_refusal_are_about_the_oldest(void **state)
{
	struct net *net = *state;
	struct party *a;
	const int raw = alone(net, NULL, &a);
	char octets[40];
	int readers[5];

	for (uint32_t i = 0; i < 5; i++)
		assert_true(pass(a, i, i, new_pipe(&readers[i])) >= 0);
	for (size_t i = 0; i < 5; i++)
		raw_read(raw, octets, sizeof(struct frame) + i);
	for (int i = 0; i < 5; i++)
		raw_frame(raw, WEIR_CHAN_TYPES + (i % 2 ? WEIR__REFUSE : WEIR__CONFIRM), 0, 0);
	while (a->back.n < 2 || !pipe_ended(readers[4]))
		net_turn(net);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(pipe_ended(readers[i]), i % 2 == 0);
		(void)close(readers[i]);
	}
	assert_note(&a->back.at[0], 1, 1);
	assert_note(&a->back.at[1], 3, 3);
	(void)close(raw);
}

static void a_number_that_is_not_open_is_refused(void **state)
{
	struct party *a, *b;
	int reader;
	pair(*state, NULL, &a, &b);
	const int writer = new_pipe(&reader);
	(void)close(writer);
	(void)close(reader);

	assert_int_equal(pass(a, 0, 1, writer), -EBADF);
	assert_int_equal(pass(a, 0, 1, -1), -EBADF);
	assert_int_equal(pass(a, 0, 1, INT32_MAX), -EBADF);
	assert_true(say(a, 0, 1) >= 0);
	await_messages(b, 1);
}

enum { CROWD = 200 };

/* Passes as many as are taken, of CROWD. */
static void pass_crowd(struct party *party, char event)
{
	int reader;

	if (event != 'r')
		return;
	while (party->n < CROWD) {
		const int writer = new_pipe(&reader);
		(void)close(reader);
		const uint32_t i = (uint32_t)party->n;
		const int64_t result = pass(party, i, i * 7 % 300, writer);
		if (result < 0) {
			assert_int_equal(result, WEIR_EFULL);
			assert_true(is_open(writer));
			(void)close(writer);
			return;
		}
		party->n++;
	}
}

static void no_more_than_max_passing_are_on_their_way_and_all_arrive(void **state)
{
	const weir_chan_opts opts = {.max_passing = 8};
	struct party *a, *b;
	pair(*state, &opts, &a, &b);
	a->then = b->then = pass_crowd;

	pass_crowd(a, 'r');
	pass_crowd(b, 'r');
	assert_int_equal(a->n, 8);
	/* Messages without one are not concerned. */
	assert_true(weir_chan_send(a->chan, 8, NULL, 0) >= 0);
	a->n = 9;
	while (a->told.n < CROWD || b->told.n < CROWD)
		net_turn(*state);
	assert_in_order(&b->told);
	assert_in_order(&a->told);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(b->told.at[i].fd >= 0, i != 8);
}

/* However full the queue is in which it has to wait. */
static void there_is_always_room_for_a_confirmation(void **state)
{
	const weir_chan_opts opts = {.max_passing = 2000};
	struct net *net = *state;
	struct party *a, *b;
	int reader;
	const int writer = new_pipe(&reader);
	uint32_t sent = 0;
	pair(net, &opts, &a, &b);

	weir_chan_hold(a->chan, true);
	while (say(b, sent, 60000) >= 0)
		sent++;
	while (say(b, sent, 0) >= 0)
		sent++;
	for (uint32_t i = 0; i < 2000; i++) {
		assert_true(pass(a, i, 1, dup(writer)) >= 0);
		await_messages(b, (int)i + 1);
		(void)close(b->told.at[i].fd);
		b->told.at[i].fd = -1;
	}
	(void)close(writer);
	assert_false(pipe_ended(reader));
	weir_chan_hold(a->chan, false);
	while (!pipe_ended(reader))
		net_turn(net);
	assert_int_equal(a->told.n, sent);
	assert_in_order(&a->told);
	assert_string_equal(strpbrk(a->log, "bg") ? a->log : "", "");
	(void)close(reader);
}

/* The kernel cuts what is written wherever its small buffer is full. */
static void descriptors_stay_with_their_messages_however_those_are_cut(void **state)
{
	for (int most = 1; most < 6000; most = most * 5 / 4 + 1) {
		struct party *a, *b;
		ino_t ids[40];
		uint32_t sent = 0;
		pair(*state, NULL, &a, &b);
		send_buffer(a, most % 2 ? 1 : 9000);
		test_dice((uint64_t)most);
		while (sent < 40) {
			const size_t len = test_roll((uint32_t)most);
			int reader;
			if (test_roll(2)) {
				ids[sent] = 0;
				assert_true(say(a, sent++, len) >= 0);
				continue;
			}
			const int writer = new_pipe(&reader);
			(void)close(reader);
			ids[sent] = id_of(writer);
			assert_true(pass(a, sent++, len, writer) >= 0);
		}
		await_messages(b, 40);
		assert_in_order(&b->told);
		for (int i = 0; i < 40; i++) {
			assert_int_equal(b->told.at[i].fd >= 0, ids[i] != 0);
			if (ids[i])
				assert_int_equal(id_of(b->told.at[i].fd), ids[i]);
		}
		party_clear(a);
		party_clear(b);
	}
}

static void closing_closes_what_is_not_confirmed(void **state)
{
	struct net *net = *state;
	for (int held = 0; held < 2; held++) {
		struct party *a, *b;
		int readers[10];
		pair(net, NULL, &a, &b);
		send_buffer(a, 4096);
		weir_chan_hold(b->chan, true);
		/* Some are with the kernel, some in the queue. */
		for (uint32_t i = 0; i < 10; i++)
			assert_true(pass(a, i, 1500, new_pipe(&readers[i])) >= 0);
		net_turns(net, 3);
		if (!held) {
			weir_chan_hold(b->chan, false);
			net_turn(net);
		}
		party_clear(a);
		party_clear(b);
		for (int i = 0; i < 10; i++) {
			assert_true(pipe_ended(readers[i]));
			(void)close(readers[i]);
		}
	}
}

static void who_does_not_listen_to_messages_has_their_descriptors_closed(void **state)
{
	static const weir_chan_ops deaf = {.message = NULL};
	struct net *net = *state;
	int fd[2], reader;
	make_ends(fd);
	struct party *a = party_open(net, 0, fd[0], NULL);
	weir_chan *chan;
	const int writer = new_pipe(&reader);

	assert_int_equal(weir_chan_open(net->loop, &chan, fd[1], NULL, &deaf, NULL), 0);
	assert_true(pass(a, 0, 10, writer) >= 0);
	while (is_open(writer))
		net_turn(net);
	assert_true(pipe_ended(reader));
	assert_string_equal(a->log, "");

	(void)close(reader);

	/* The same where the callbacks were taken away. */
	const int another = new_pipe(&reader);
	weir_chan_on(chan, NULL, NULL);
	assert_true(pass(a, 1, 10, another) >= 0);
	while (is_open(another))
		net_turn(net);
	assert_true(pipe_ended(reader));
	(void)close(reader);
}

static void without_returned_what_comes_back_is_closed(void **state)
{
	static const weir_chan_ops heedless = {.gone = NULL};
	struct net *net = *state;
	int fd[2], readers[2];
	weir_chan *chan;
	make_ends(fd);

	assert_int_equal(weir_chan_open(net->loop, &chan, fd[0], NULL, &heedless, NULL), 0);
	for (int i = 0; i < 2; i++) {
		const int writer = new_pipe(&readers[i]);
		assert_true(weir_chan_pass(chan, 1, NULL, 0, writer) >= 0);
	}
	raw_frame(fd[1], WEIR_CHAN_TYPES + WEIR__REFUSE, 0, 0);
	net_turns(net, 5);
	(void)close(fd[1]);
	while (weir_loop_step(net->loop, 10) > 0)
		continue;
	for (int i = 0; i < 2; i++) {
		assert_true(pipe_ended(readers[i]));
		(void)close(readers[i]);
	}
}

static void after_finish_descriptors_go_back_and_messages_are_still_told(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	int readers[3];
	pair(net, NULL, &a, &b);

	assert_true(pass(a, 0, 5, new_pipe(&readers[0])) >= 0);
	await_messages(b, 1);
	weir_chan_hold(b->chan, true);
	assert_true(pass(a, 1, 6, new_pipe(&readers[1])) >= 0);
	assert_true(say(a, 2, 7) >= 0);
	assert_true(pass(a, 3, 8, new_pipe(&readers[2])) >= 0);
	net_turn(net);
	weir_chan_finish(b->chan);
	weir_chan_hold(b->chan, false);
	await_gone(b);
	await_gone(a);
	assert_string_equal(b->log, "mmg");
	assert_note(&b->told.at[1], 2, 7);
	assert_string_equal(a->log, "bbg");
	assert_note(&a->back.at[0], 1, 6);
	assert_note(&a->back.at[1], 3, 8);
	assert_int_equal(a->why, 0);
	for (int i = 0; i < 3; i++)
		(void)close(readers[i]);
}

static void after_the_senders_finish_its_descriptors_arrive(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	int readers[10];
	pair(net, NULL, &a, &b);
	send_buffer(a, 4096);

	for (uint32_t i = 0; i < 10; i++)
		assert_true(pass(a, i, 1500, new_pipe(&readers[i])) >= 0);
	weir_chan_finish(a->chan);
	assert_int_equal(pass(a, 10, 1, readers[0]), WEIR_ECLOSED);
	await_gone(a);
	await_gone(b);
	assert_string_equal(a->log, "g");
	assert_int_equal(b->told.n, 10);
	for (int i = 0; i < 10; i++) {
		assert_true(b->told.at[i].fd >= 0);
		(void)close(readers[i]);
	}
}

/* It may have been taken: whoever is not sure does not give it to somebody else. */
static void what_may_have_arrived_does_not_come_back_when_the_sender_fails(void **state)
{
	const weir_chan_opts opts = {.max_message = 50};
	struct net *net = *state;
	struct party *a, *b;
	int readers[2], fd[2];
	make_ends(fd);
	a = party_open(net, 0, fd[0], &opts);
	b = party_open(net, 1, fd[1], NULL);
	weir_chan_hold(b->chan, true);

	for (uint32_t i = 0; i < 2; i++)
		assert_true(pass(a, i, 10, new_pipe(&readers[i])) >= 0);
	assert_true(say(b, 0, 51) >= 0);
	await_gone(a);
	assert_int_equal(a->why, WEIR_ETOOBIG);
	weir_chan_hold(b->chan, false);
	await_gone(b);
	for (int i = 0; i < 2; i++) {
		int had = 0;
		for (int j = 0; j < a->back.n; j++)
			had += a->back.at[j].type == (uint32_t)i;
		for (int j = 0; j < b->told.n; j++)
			had += b->told.at[j].type == (uint32_t)i;
		assert_int_equal(had, 1);
		(void)close(readers[i]);
	}
}

static void a_connection_is_passed_with_what_it_has_not_read(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	struct sockaddr_in name = {.sin_family = AF_INET,
	                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(name);
	const int listening = socket(AF_INET, SOCK_STREAM, 0);
	char text[6] = "";
	pair(net, NULL, &a, &b);

	assert_int_equal(bind(listening, (struct sockaddr *)&name, size), 0);
	assert_int_equal(listen(listening, 5), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&name, &size), 0);
	const int client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&name, size), 0);
	raw_write(client, "hello", 5);
	const int conn = accept(listening, NULL, NULL);
	assert_true(pass(a, 0, 0, conn) >= 0);
	await_messages(b, 1);
	net_turns(net, 3);
	assert_false(is_open(conn) && id_of(conn) == id_of(b->told.at[0].fd));

	raw_read(b->told.at[0].fd, text, 5);
	assert_string_equal(text, "hello");
	raw_write(b->told.at[0].fd, "there", 5);
	raw_read(client, text, 5);
	assert_string_equal(text, "there");

	/* A listening one accepts on the other side. */
	assert_true(pass(b, 1, 0, listening) >= 0);
	await_messages(a, 1);
	const int second = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(second, (struct sockaddr *)&name, size), 0);
	const int accepted = accept(a->told.at[0].fd, NULL, NULL);
	assert_true(accepted >= 0);
	(void)close(accepted);
	(void)close(second);
	(void)close(client);
}

/* ---- the other side is a process ---- */

struct role {
	weir_loop *loop;
	weir_chan *chan;
	int n;    /* messages so far */
	int dies; /* in this one */
	int says; /* messages of its own before it does */
	bool uses;
	int gate[2]; /* a pipe whose end it awaits before it begins */
};

static void live_and_die(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                         void *arg)
{
	struct role *role = arg;

	(void)type;
	(void)data;
	(void)len;
	if (fd >= 0 && role->uses && write(fd, "x", 1) != 1)
		_exit(2);
	if (++role->n < role->dies)
		return;
	for (int i = 0; i < role->says; i++)
		(void)weir_chan_send(chan, (uint32_t)i, "0123456789", 10);
	(void)raise(SIGKILL);
}

static const weir_chan_ops role_ops = {.message = live_and_die};

/* A process with the other end of a's channel; it has nothing else of this one's. */
static pid_t start(struct net *net, const weir_chan_opts *opts, struct party **a,
                   void (*live)(int fd, void *arg), void *arg)
{
	int fd[2];
	make_ends(fd);
	(void)fflush(NULL);
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(30);
		(void)close(fd[0]);
		live(fd[1], arg);
		_exit(0);
	}
	(void)close(fd[1]);
	*a = party_open(net, 0, fd[0], opts);
	return pid;
}

static void live_in_role(int fd, void *arg)
{
	struct role *role = arg;
	char octet;

	(void)close(role->gate[1]);
	(void)!read(role->gate[0], &octet, 1);
	if (weir_loop_new(&role->loop, NULL) < 0 ||
	    weir_chan_open(role->loop, &role->chan, fd, NULL, &role_ops, role) < 0)
		_exit(3);
	(void)weir_loop_run(role->loop);
	weir_loop_free(role->loop);
}

static int await_end(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

enum { IN_FLIGHT = 12 };

static void die_round(struct net *net, struct role *role, int buffer, size_t len)
{
	struct party *a;
	int readers[IN_FLIGHT];
	assert_int_equal(pipe(role->gate), 0);
	const pid_t pid = start(net, NULL, &a, live_in_role, role);
	if (buffer)
		send_buffer(a, buffer);

	for (uint32_t i = 0; i < IN_FLIGHT; i++)
		assert_true(pass(a, i, len, new_pipe(&readers[i])) >= 0);
	(void)close(role->gate[0]);
	(void)close(role->gate[1]);
	await_gone(a);
	assert_int_equal(await_end(pid), -SIGKILL);
	/* What it said last is heard. */
	assert_int_equal(a->told.n, role->says);
	for (int i = 0; i < role->says; i++)
		assert_int_equal(a->told.at[i].type, i);
	/* What it was told of it has had, and nothing else. */
	assert_int_equal(a->back.n, IN_FLIGHT - role->dies);
	for (int i = 0; i < IN_FLIGHT; i++) {
		const int back = i - role->dies;
		bool ended;
		const int used = pipe_used(readers[i], &ended);
		assert_int_equal(ended, back < 0);
		assert_int_equal(used, role->uses && back < 0);
		if (back >= 0)
			assert_note(&a->back.at[back], (uint32_t)i, len);
		(void)close(readers[i]);
	}
	assert_true(strchr(a->log, 'g') == a->log + strlen(a->log) - 1);
	party_clear(a);
}

static void what_a_process_had_not_taken_when_it_died_comes_back_once(void **state)
{
	for (int dies = 1; dies <= IN_FLIGHT; dies++) {
		struct role role = {.dies = dies, .uses = true};
		die_round(*state, &role, 0, 20);
		die_round(*state, &role, 4096, 3000);
	}
}

static void what_a_process_said_before_it_died_is_told(void **state)
{
	for (int dies = 1; dies <= IN_FLIGHT; dies += 3) {
		struct role role = {.dies = dies, .says = 20, .uses = true};
		die_round(*state, &role, 0, 20);
		die_round(*state, &role, 4096, 3000);
	}
}

static void never_read(int fd, void *arg)
{
	(void)fd;
	(void)arg;
	for (;;)
		(void)pause();
}

static void all_comes_back_from_a_process_that_never_read(void **state)
{
	struct net *net = *state;
	struct party *a;
	const pid_t pid = start(net, NULL, &a, never_read, NULL);
	int readers[IN_FLIGHT];
	send_buffer(a, 4096);

	for (uint32_t i = 0; i < IN_FLIGHT; i++)
		assert_true(pass(a, i, 1000, new_pipe(&readers[i])) >= 0);
	net_turns(net, 5);
	assert_int_equal(kill(pid, SIGKILL), 0);
	await_gone(a);
	(void)await_end(pid);
	assert_int_equal(a->back.n, IN_FLIGHT);
	assert_in_order(&a->back);
	for (int i = 0; i < IN_FLIGHT; i++)
		(void)close(readers[i]);
}

/* At any moment: killed while it takes as fast as it can. */
static void a_kill_at_any_moment_loses_nothing(void **state)
{
	struct net *net = *state;

	for (uint64_t row = 0; row < 40; row++) {
		struct role role = {.dies = INT32_MAX, .uses = true};
		struct party *a;
		int readers[CROWD], back[CROWD] = {0};
		uint32_t sent = 0;
		bool ended;
		test_dice(row);
		assert_int_equal(pipe(role.gate), 0);
		const pid_t pid = start(net, NULL, &a, live_in_role, &role);
		(void)close(role.gate[0]);
		(void)close(role.gate[1]);
		const uint32_t until = test_roll(CROWD);
		if (test_roll(2))
			send_buffer(a, 4096);

		while (sent < CROWD && a->chan) {
			const int writer = new_pipe(&readers[sent]);
			if (pass(a, sent, test_roll(400), writer) < 0) {
				(void)close(writer);
				(void)close(readers[sent]);
				net_turn(net);
				continue;
			}
			if (sent++ == until)
				assert_int_equal(kill(pid, SIGKILL), 0);
		}
		await_gone(a);
		(void)await_end(pid);
		for (int i = 0; i < a->back.n; i++)
			back[a->back.at[i].type]++;
		for (uint32_t i = 0; i < sent; i++) {
			const int used = pipe_used(readers[i], &ended);
			assert_int_equal(back[i], !ended);
			assert_false(used && back[i]);
			(void)close(readers[i]);
		}
		party_clear(a);
	}
}

/* Messages with descriptors come only when there is room for those. */
static void take_one(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                     void *arg)
{
	(void)data;
	(void)len;
	(void)arg;
	(void)weir_chan_send(chan, type, fd >= 0 ? "fd" : "none", fd >= 0 ? 2 : 4);
	if (type == 99) { /* room for two more */
		struct rlimit limit;
		(void)getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur += 2;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void live_without_room(int fd, void *arg)
{
	static const weir_chan_ops ops = {.message = take_one};
	struct rlimit limit;
	weir_loop *loop;
	weir_chan *chan;
	(void)arg;

	/* A turn, because a poller may open something for the first. */
	if (weir_loop_new(&loop, NULL) < 0 || weir_loop_step(loop, 0) < 0 ||
	    weir_chan_open(loop, &chan, fd, NULL, &ops, NULL) < 0)
		_exit(3);
	const int next = open("/dev/null", O_RDONLY);
	(void)close(next);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)next;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)weir_loop_run(loop);
	weir_loop_free(loop);
}

/* valgrind imitates the limit: the kernel does not know of it. The stand-in for kqueue takes one
   of the numbers that become free: then there is room for one only. */
static void from_a_process_without_room_descriptors_come_back(void **state)
{
	struct net *net = *state;
	struct party *a;
	const char *under = getenv("WEIR_RUN_UNDER");

	if ((under && strstr(under, "valgrind")) || !strcmp(weir_backend(), "kqueue"))
		skip();
	const pid_t pid = start(net, NULL, &a, live_without_room, NULL);
	int readers[10];

	for (uint32_t i = 0; i < 5; i++)
		assert_true(pass(a, i, 50, new_pipe(&readers[i])) >= 0);
	assert_true(say(a, 99, 1) >= 0);
	await_messages(a, 1);
	assert_int_equal(a->told.at[0].type, 99);
	assert_int_equal(a->told.at[0].len, 4);
	assert_int_equal(a->back.n, 5);
	assert_in_order(&a->back);
	/* There is room for two now. */
	for (uint32_t i = 5; i < 10; i++)
		assert_true(pass(a, i, 50, new_pipe(&readers[i])) >= 0);
	assert_true(say(a, 10, 1) >= 0);
	await_messages(a, 4);
	assert_int_equal(a->back.n, 8);
	assert_int_equal(a->told.at[1].type, 5);
	assert_int_equal(a->told.at[1].len, 2);
	assert_int_equal(a->told.at[2].type, 6);
	assert_int_equal(a->back.at[5].type, 7);
	weir_chan_finish(a->chan);
	await_gone(a);
	assert_int_equal(await_end(pid), 0);
	for (int i = 0; i < 10; i++)
		(void)close(readers[i]);
}

static int sit_until_the_end(weir_loop *loop, weir_chan *chan, void *arg)
{
	static const weir_chan_ops ops = {.message = NULL};
	(void)loop;
	(void)arg;
	weir_chan_on(chan, &ops, NULL);
	return 0;
}

/* Else a connection that was handed on would end only when all processes have. */
static void a_forked_child_has_nothing_of_what_is_on_its_way(void **state)
{
	struct net *net = *state;
	struct party *a, *b;
	weir_child *child;
	int readers[2], fds[2];
	static const weir_child_ops ops = {.ready = NULL};
	pair(net, NULL, &a, &b);
	const int raw = dup(weir_stream_fd(a->chan->stream));

	/* One that waits for its confirmation, one that came before its message has. */
	weir_chan_hold(b->chan, true);
	assert_true(pass(a, 0, 10, new_pipe(&readers[0])) >= 0);
	struct party third = {.net = net};
	make_ends(fds);
	assert_int_equal(weir_chan_open(net->loop, &third.chan, fds[0], NULL, &party_ops, &third),
	                 0);
	const int writer = new_pipe(&readers[1]);
	const struct frame head = {10 | WITH_FD, 0};
	raw_pass(fds[1], &head, sizeof(head), &writer, 1);
	(void)close(writer);
	net_turns(net, 3);
	assert_int_equal(
		weir_fork_child(net->loop, &child, sit_until_the_end, NULL, NULL, &ops, NULL), 0);
	(void)close(raw);
	(void)close(fds[1]);
	party_close(a);
	party_close(b);
	party_close(&third);
	for (int i = 0; i < 2; i++) {
		while (!pipe_ended(readers[i]))
			net_turn(net);
		(void)close(readers[i]);
	}
	weir_chan_close(weir_child_chan(child));
	while (weir_loop_step(net->loop, 10) > 0)
		continue;
}

/* ---- both ends in a storm ---- */

enum { STORM = 120 };

/* What a party has sent: the descriptors' files, 0 where there was none. */
struct sent {
	ino_t ids[STORM];
	uint32_t n;
};

static void send_something(struct party *party, struct sent *sent)
{
	const size_t len = test_roll(3) ? test_roll(100) : test_roll(4000);
	int reader, writer = -1;
	int64_t result;

	if (!party->chan || sent->n == STORM)
		return;
	if (test_roll(2)) {
		writer = new_pipe(&reader);
		(void)close(reader);
		sent->ids[sent->n] = id_of(writer);
		result = pass(party, sent->n, len, writer);
	} else {
		sent->ids[sent->n] = 0;
		result = say(party, sent->n, len);
	}
	assert_true(result >= 0 || result == WEIR_EFULL || result == WEIR_ECLOSED);
	if (result >= 0)
		sent->n++;
	else if (writer >= 0)
		(void)close(writer);
}

static void hold_and_release(struct party *party, char event)
{
	if (party->chan && event != 'g' && !test_roll(6))
		weir_chan_hold(party->chan, test_roll(2));
}

static void do_something(struct party *party, struct sent *sent, bool ends)
{
	const uint32_t what = test_roll(200);

	if (what < 100)
		send_something(party, sent);
	else if (what < 130)
		(void)weir_loop_step(party->net->loop, 0);
	else if (what < 150 && party->chan)
		weir_chan_hold(party->chan, what % 2);
	else if (what == 150 && ends && party->chan)
		weir_chan_finish(party->chan);
	else if (what == 151 && ends)
		party_close(party);
}

static int count(const struct notes *notes, uint32_t type, ino_t id)
{
	int n = 0;

	for (int i = 0; i < notes->n; i++) {
		if (notes->at[i].type != type)
			continue;
		assert_note(&notes->at[i], type, notes->at[i].len);
		assert_int_equal(notes->at[i].fd >= 0, id != 0);
		if (id)
			assert_int_equal(id_of(notes->at[i].fd), id);
		n++;
	}
	return n;
}

/* All: each went across or came back. Else somebody has closed, and dropped what was queued:
   the confirmation of what he has as well. */
static void check_what_was_sent(const struct party *party, const struct sent *sent, bool all)
{
	for (uint32_t i = 0; i < sent->n; i++) {
		const int told = count(&party->other->told, i, sent->ids[i]);
		const int back = count(&party->back, i, sent->ids[i]);
		assert_true(all ? told + back == 1 : told <= 1 && back <= 1);
	}
	for (int i = 1; i < party->other->told.n; i++)
		assert_true(party->other->told.at[i - 1].type < party->other->told.at[i].type);
}

static void storm_round(struct net *net, const weir_chan_opts *opts)
{
	struct party *a, *b;
	struct sent sent[2] = {{.n = 0}};
	pair(net, opts, &a, &b);
	if (test_roll(2)) {
		send_buffer(a, 1);
		send_buffer(b, 1);
	}
	a->then = b->then = hold_and_release;

	const bool ends = test_roll(2);
	for (uint32_t n = test_roll(600); n; n--)
		do_something(n % 2 ? a : b, &sent[n % 2 ? 0 : 1], ends);
	a->then = b->then = NULL;
	const bool all = (a->chan || a->gones) && (b->chan || b->gones);
	if (a->chan && all)
		weir_chan_finish(a->chan);
	while (a->chan || b->chan) {
		(void)weir_loop_step(net->loop, 0);
		for (int i = 0; i < 2; i++)
			if (parties[i].chan)
				weir_chan_hold(parties[i].chan, false);
	}
	check_what_was_sent(a, &sent[0], all);
	check_what_was_sent(b, &sent[1], all);
	for (int i = 0; i < 2 && all; i++)
		assert_int_equal(parties[i].why, 0);
	party_clear(a);
	party_clear(b);
	(void)weir_loop_step(net->loop, 0);
}

static void whatever_is_called_everything_has_one_owner(void **state)
{
	static const weir_chan_opts opts[] = {
		{.max_message = 4000},
		{.max_message = 4000, .max_queue = 10000, .max_passing = 3},
		{.max_message = 4000, .max_passing = 1},
	};
	const int fds = test_open_fds();

	for (uint64_t row = 0; row < rounds(2000); row++) {
		test_dice(row);
		storm_round(*state, &opts[row % 3]);
		assert_int_equal(test_open_fds(), fds);
	}
}

/* ---- memory ---- */

/* All goes across, or a channel ends; in either case nothing has two owners. False: nothing
   was refused any more. */
static bool memory_round(struct net *net, size_t fail_at, bool lasting)
{
	const weir_chan_opts opts = {.max_message = 4000, .max_queue = 20000, .max_passing = 4};
	const int fds = test_open_fds();
	struct party *a = &parties[0], *b = &parties[1];
	int fd[2], had[8] = {0};
	uint32_t sent = 0;
	make_ends(fd);
	net_reopen(net, NULL);
	*a = (struct party){.net = net};
	*b = (struct party){.net = net};
	net->alloc.calls = net->alloc.refused = 0;
	net->alloc.fail_at = fail_at;
	net->alloc.fail_after = lasting;

	const int opened[2] = {weir_chan_open(net->loop, &a->chan, fd[0], &opts, &party_ops, a),
	                       weir_chan_open(net->loop, &b->chan, fd[1], &opts, &party_ops, b)};
	for (int i = 0; i < 2; i++)
		if (opened[i] < 0) {
			assert_int_equal(opened[i], -ENOMEM);
			assert_int_equal(close(fd[i]), 0);
		}
	if (a->chan)
		send_buffer(a, 4096);
	if (a->chan && b->chan)
		weir_chan_hold(b->chan, true);
	while (a->chan && b->chan && b->told.n < 16) {
		const int drains = a->drains;
		int reader;
		while (sent < 16) {
			const int writer = sent % 2 ? new_pipe(&reader) : -1;
			const int64_t result =
				writer >= 0 ? pass(a, sent, 1000, writer) : say(a, sent, 3000);
			if (writer >= 0)
				(void)close(reader);
			if (result >= 0) {
				sent++;
				continue;
			}
			if (writer >= 0)
				(void)close(writer);
			assert_true(result == WEIR_EFULL || result == WEIR_ECLOSED);
			break;
		}
		weir_chan_hold(b->chan, false);
		/* Whoever was refused is told when to try again. */
		do {
			net_turn(net);
			if (net->alloc.refused > 2)
				net->alloc.fail_at = 0;
		} while (a->chan && b->chan && b->told.n < 16 && a->drains == drains);
	}
	while ((a->chan != NULL) + (b->chan != NULL) == 1 && opened[0] == 0 && opened[1] == 0)
		net_turn(net);
	for (int i = 0; i < b->told.n; i++)
		had[b->told.at[i].type / 2] += b->told.at[i].fd >= 0;
	for (int i = 0; i < a->back.n; i++)
		had[a->back.at[i].type / 2]++;
	for (int i = 0; i < 8; i++)
		assert_in_range(had[i], a->chan && b->chan, 1);
	assert_in_order(&b->told);
	net->alloc.fail_at = 0;
	party_clear(a);
	party_clear(b);
	net_turn(net);
	assert_int_equal(test_open_fds(), fds);
	return net->alloc.refused > 0;
}

static void each_allocation_may_fail(void **state)
{
	struct net *net = *state;
	size_t at = 1;

	while (memory_round(net, at, false))
		at++;
	assert_true(at > 10);
	for (at = 1; memory_round(net, at, true); at++)
		continue;
}

/* ---- a channel that is inherited ---- */

static int inherit(const char *variable, weir_loop *loop, weir_chan **chan)
{
	if (variable)
		(void)setenv("WEIR_CHANNEL", variable, 1);
	else
		(void)unsetenv("WEIR_CHANNEL");
	return weir_chan_inherit(loop, chan, NULL, NULL, NULL);
}

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			return __LINE__ % 256;                                                     \
	} while (0)

static int inherits(void *arg)
{
	static const char *const garbage[] = {"",
	                                      ",",
	                                      "x",
	                                      "3",
	                                      "3,",
	                                      ",3",
	                                      "-1,#",
	                                      "+3,#",
	                                      "3 ,#",
	                                      " 3,#",
	                                      "3,# ",
	                                      "3,#x",
	                                      "3,#,#",
	                                      "3;#",
	                                      "99999999999999999999,#",
	                                      "4294967299,#",
	                                      "3.0,#",
	                                      "3,-#",
	                                      "3,99999999999999999999",
	                                      "x3,#",
	                                      "0x3,#"};
	const int *fd = arg;
	weir_loop *loop;
	weir_chan *chan;
	char text[64];
	const int pid = (int)getpid();

	CHECK(dup2(fd[0], 3) == 3 || fd[0] == 3);
	CHECK(weir_loop_new(&loop, NULL) == 0);
	CHECK(inherit(NULL, loop, &chan) == -ENOENT);
	for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++) {
		const char *number = strchr(garbage[i], '#');
		(void)snprintf(text, sizeof(text), "%s", garbage[i]);
		if (number)
			(void)snprintf(text, sizeof(text), "%.*s%d%s", (int)(number - garbage[i]),
			               garbage[i], pid, number + 1);
		CHECK(inherit(text, loop, &chan) == -ENOENT);
		CHECK(chan == NULL);
	}
	/* Another process's; a number that is not open; one that is no socket. */
	(void)snprintf(text, sizeof(text), "3,%d", pid + 1);
	CHECK(inherit(text, loop, &chan) == -ENOENT);
	(void)snprintf(text, sizeof(text), "4000,%d", pid);
	CHECK(inherit(text, loop, &chan) == -ENOENT);
	const int null = open("/dev/null", O_RDWR);
	(void)snprintf(text, sizeof(text), "%d,%d", null, pid);
	CHECK(inherit(text, loop, &chan) == -ENOENT);
	/* None of these was the once that there is. */
	(void)snprintf(text, sizeof(text), "3,%d", pid);
	CHECK(inherit(text, loop, &chan) == 0);
	CHECK(chan != NULL);
	CHECK(weir_chan_send(chan, 7, "hello", 5) >= 0);
	CHECK(weir_loop_step(loop, 0) == 0);
	weir_chan *again;
	CHECK(inherit(text, loop, &again) == -ENOENT);
	CHECK(again == NULL);
	weir_chan_close(chan);
	CHECK(inherit(text, loop, &again) == -ENOENT);
	weir_loop_free(loop);
	return 0;
}

static void a_channel_is_inherited_once_by_the_process_that_is_meant(void **state)
{
	struct net *net = *state;
	int fd[2];
	make_ends(fd);

	assert_int_equal(test_in_child(inherits, fd), 0);
	(void)close(fd[0]);
	struct party *a = party_open(net, 0, fd[1], NULL);
	await_gone(a);
	assert_string_equal(a->log, "mg");
	assert_int_equal(a->told.at[0].len, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHAN_TEST(messages_arrive_whole_and_in_order_both_ways),
		CHAN_TEST(a_message_longer_than_the_limit_is_refused_at_the_call),
		CHAN_TEST(the_largest_messages_there_can_be_arrive),
		CHAN_TEST(types_that_are_weirs_and_lengths_without_data_are_refused),
		CHAN_TEST(limits_that_make_no_sense_are_refused),
		CHAN_TEST(only_an_end_of_a_pair_of_local_stream_sockets_will_do),
		CHAN_TEST(octet_by_octet_messages_come_as_they_are_complete),
		CHAN_TEST(frames_may_be_split_anywhere),
		CHAN_TEST(many_messages_in_one_read_are_told_one_by_one),
		CHAN_TEST(a_message_may_be_answered_in_its_callback),
		CHAN_TEST(beyond_max_queue_nothing_is_taken_until_drain),
		CHAN_TEST(who_sends_at_drain_gets_all_across_both_ways),
		CHAN_TEST(a_hold_in_a_message_keeps_order_and_descriptors),
		CHAN_TEST(without_callbacks_messages_wait_for_them),
		CHAN_TEST(what_is_said_before_the_first_turn_is_with_the_kernel_at_once),
		CHAN_TEST(callbacks_may_change_between_messages),
		CHAN_TEST(a_channel_holds_the_loop_from_its_callbacks_to_its_end),
		CHAN_TEST(what_was_said_about_holding_the_loop_outlasts_the_first_callbacks),
		CHAN_TEST(after_finish_what_was_said_arrives_and_both_end),
		CHAN_TEST(both_may_finish_at_once),
		CHAN_TEST(who_is_held_hears_of_the_end_behind_the_messages),
		CHAN_TEST(who_leaves_messages_unread_is_told_of_as_a_reset),
		CHAN_TEST(what_was_said_before_the_end_is_told_though_writing_fails),
		CHAN_TEST(a_loop_that_is_freed_takes_its_channels_along),
		CHAN_TEST(channels_may_be_closed_in_every_callback),
		CHAN_TEST(closing_is_silent_and_none_is_nothing),
		CHAN_TEST(a_length_beyond_the_limit_ends_the_channel),
		CHAN_TEST(a_word_that_weir_does_not_know_ends_the_channel),
		CHAN_TEST(words_that_are_for_others_are_passed_over),
		CHAN_TEST(a_frame_that_claims_a_descriptor_and_has_none_ends_the_channel),
		CHAN_TEST(a_descriptor_that_no_frame_claims_ends_the_channel_and_is_closed),
		CHAN_TEST(more_descriptors_than_a_frame_can_have_end_the_channel_and_are_closed),
		CHAN_TEST(descriptors_cannot_be_heaped_up),
		CHAN_TEST(a_confirmation_that_nobody_waits_for_ends_the_channel),
		CHAN_TEST(a_confirmation_of_what_was_not_sent_ends_the_channel),
		CHAN_TEST(an_end_within_a_frame_is_told_as_short),
		CHAN_TEST(a_descriptor_of_a_frame_that_is_cut_is_closed),
		CHAN_TEST(messages_before_a_bad_frame_are_told),
		CHAN_TEST(no_octets_and_descriptors_do_any_harm),
		CHAN_TEST(files_pipes_and_sockets_go_both_ways_each_with_its_message),
		CHAN_TEST(a_descriptor_is_non_blocking_if_it_was),
		CHAN_TEST(the_senders_copy_is_closed_when_it_is_confirmed_and_not_before),
		CHAN_TEST(a_descriptor_for_which_there_was_no_room_comes_back),
		CHAN_TEST(confirmation_and_refusal_are_about_the_oldest),
		CHAN_TEST(a_number_that_is_not_open_is_refused),
		CHAN_TEST(no_more_than_max_passing_are_on_their_way_and_all_arrive),
		CHAN_TEST(there_is_always_room_for_a_confirmation),
		CHAN_TEST(descriptors_stay_with_their_messages_however_those_are_cut),
		CHAN_TEST(closing_closes_what_is_not_confirmed),
		CHAN_TEST(who_does_not_listen_to_messages_has_their_descriptors_closed),
		CHAN_TEST(without_returned_what_comes_back_is_closed),
		CHAN_TEST(after_finish_descriptors_go_back_and_messages_are_still_told),
		CHAN_TEST(after_the_senders_finish_its_descriptors_arrive),
		CHAN_TEST(what_may_have_arrived_does_not_come_back_when_the_sender_fails),
		CHAN_TEST(a_connection_is_passed_with_what_it_has_not_read),
		CHAN_TEST(what_a_process_had_not_taken_when_it_died_comes_back_once),
		CHAN_TEST(what_a_process_said_before_it_died_is_told),
		CHAN_TEST(all_comes_back_from_a_process_that_never_read),
		CHAN_TEST(a_kill_at_any_moment_loses_nothing),
		CHAN_TEST(from_a_process_without_room_descriptors_come_back),
		CHAN_TEST(a_forked_child_has_nothing_of_what_is_on_its_way),
		CHAN_TEST(whatever_is_called_everything_has_one_owner),
		CHAN_TEST(each_allocation_may_fail),
		CHAN_TEST(a_channel_is_inherited_once_by_the_process_that_is_meant),
	};
	return cmocka_run_group_tests_name("chan", tests, NULL, NULL);
}
