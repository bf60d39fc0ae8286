/*
 * What do writes return, where do their octets go, and when is the writer told?
 */
#include "tests/support/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HUGE_WRITE (2u << 20)

static char *new_pattern(size_t len)
{
	char *data = malloc(len);

	assert_non_null(data);
	pattern_fill(data, len, 0);
	return data;
}

/* ---- weir_write and weir_writev ---- */

static void a_small_write_is_with_the_kernel_at_once(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	assert_int_equal(side_write(writer, "hello"), 0);
	assert_int_equal(weir_queued(writer->stream), 0);

	while (reader->len < 5)
		net_turn(net);
	assert_true(side_has(reader, "hello"));
}

static void nothing_is_written_by_an_empty_write(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	assert_int_equal(weir_write(writer->stream, NULL, 0), 0);
	assert_int_equal(weir_writev(writer->stream, NULL, 0), 0);
	assert_int_equal(weir_write_ref(writer->stream, "", 0, side_done, writer), 0);

	weir_finish(writer->stream);
	while (!reader->ends)
		net_turn(net);
	assert_int_equal(reader->len, 0);
	assert_int_equal(writer->dones, 0);
}

static void pieces_arrive_as_one_in_their_order(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	const weir_str pieces[] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
	net_pair(net, NULL, &writer, &reader);

	assert_int_equal(weir_writev(writer->stream, pieces, 4), 0);

	while (reader->len < 13)
		net_turn(net);
	assert_true(side_has(reader, "one two three"));
}

static void more_pieces_than_the_kernel_takes_in_one_call_arrive(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	weir_str pieces[3000];
	char octets[3000];
	net_pair(net, NULL, &writer, &reader);

	pattern_fill(octets, sizeof(octets), 0);
	for (int i = 0; i < 3000; i++)
		pieces[i] = (weir_str){octets + i, 1};
	assert_true(weir_writev(writer->stream, pieces, 3000) >= 0);

	while (reader->len < sizeof(octets))
		net_turn(net);
	assert_true(pattern_is(reader->got, reader->len, 0));
}

static void what_the_kernel_does_not_take_is_queued_and_sent_in_order(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_stalled_pair(net, NULL, &writer, &reader);

	const size_t sent = side_fill(writer, 0, 100000);
	assert_true(weir_queued(writer->stream) >= 100000);

	weir_hold(reader->stream, false);
	while (reader->len < sent)
		net_turn(net);
	assert_true(pattern_is(reader->got, sent, 0));
	assert_int_equal(weir_queued(writer->stream), 0);
}

static void the_result_is_what_is_queued(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_stalled_pair(net, NULL, &writer, &reader);

	char *data = new_pattern(HUGE_WRITE);
	const int64_t queued = weir_write(writer->stream, data, HUGE_WRITE);
	assert_true(queued > 0 && queued < HUGE_WRITE);
	assert_int_equal(weir_queued(writer->stream), queued);
	assert_int_equal(side_write(writer, "more"), queued + 4);
	free(data);
}

/* test-net-large-string: one write of 122,880 octets followed by the end. */
static void a_large_write_arrives_before_the_end(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	char *data = new_pattern(122880);
	assert_true(weir_write(writer->stream, data, 122880) >= 0);
	weir_finish(writer->stream);
	free(data);

	while (!reader->gones)
		net_turn(net);
	assert_string_equal(reader->log, "odeg");
	assert_int_equal(reader->len, 122880);
	assert_true(pattern_is(reader->got, reader->len, 0));
}

/* ---- the limit of the queue ---- */

static void beyond_the_limit_nothing_is_taken_and_the_stream_is_unharmed(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.low = 1000, .high = 20000, .max_queue = 50000};
	struct side *writer, *reader;
	char block[5000];
	size_t sent = 0;
	int64_t result;
	net_stalled_pair(net, &opts, &writer, &reader);

	do {
		pattern_fill(block, sizeof(block), sent);
		result = weir_write(writer->stream, block, sizeof(block));
		sent += result >= 0 ? sizeof(block) : 0;
	} while (result >= 0);
	const int64_t queued = weir_queued(writer->stream);
	assert_int_equal(result, WEIR_EFULL);
	assert_true(queued > 45000 && queued <= 50000);
	assert_int_equal(weir_write_ref(writer->stream, block, 5000, side_done, writer),
	                 WEIR_EFULL);
	assert_int_equal(weir_queued(writer->stream), queued);

	weir_hold(reader->stream, false);
	weir_finish(writer->stream);
	while (!reader->gones || !writer->gones)
		net_turn(net);
	assert_int_equal(reader->len, sent);
	assert_true(pattern_is(reader->got, sent, 0));
	assert_int_equal(writer->why, 0);
	assert_int_equal(writer->dones, 0);
}

static void a_write_longer_than_the_limit_is_refused_though_the_queue_is_empty(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.low = 10, .high = 100, .max_queue = 1000};
	struct side *writer, *reader;
	char block[1001] = "";
	net_pair(net, &opts, &writer, &reader);

	assert_int_equal(weir_write(writer->stream, block, 1001), WEIR_EFULL);
	assert_true(weir_write(writer->stream, block, 1000) >= 0);
	while (reader->len < 1000)
		net_turn(net);
	assert_int_equal(reader->len, 1000);
}

static void a_limit_lowered_below_what_is_queued_refuses_writes(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_stalled_pair(net, NULL, &writer, &reader);
	const size_t sent = side_fill(writer, 0, 30000);

	assert_int_equal(weir_marks(writer->stream, 100, 1000, 10000), 0);
	assert_int_equal(side_write(writer, "x"), WEIR_EFULL);

	weir_hold(reader->stream, false);
	while (reader->len < sent)
		net_turn(net);
	assert_int_equal(side_write(writer, "x"), 0);
}

/* ---- marks ---- */

static void drain_comes_once_for_each_time_the_queue_was_above_the_high_mark(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.low = 1000, .high = 20000, .max_queue = 100000};
	struct side *writer, *reader;
	size_t sent = 0;
	net_stalled_pair(net, &opts, &writer, &reader);

	for (int crossing = 1; crossing <= 3; crossing++) {
		weir_hold(reader->stream, true);
		sent = side_fill(writer, sent, 20001);
		net_turns(net, 5);
		assert_int_equal(writer->drains, crossing - 1);

		weir_hold(reader->stream, false);
		while (reader->len < sent)
			net_turn(net);
		net_turns(net, 5);
		assert_int_equal(writer->drains, crossing);
	}
}

static void note_queue(struct side *side, char event)
{
	if (event == 'r')
		side->n = (int)weir_queued(side->stream);
}

static void drain_comes_at_the_low_mark(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.low = 5000, .high = 50000, .max_queue = 100000};
	struct side *writer, *reader;
	net_stalled_pair(net, &opts, &writer, &reader);
	writer->then = note_queue;
	writer->n = -1;

	(void)side_fill(writer, 0, 60000);
	weir_hold(reader->stream, false);
	while (!writer->drains)
		net_turn(net);
	assert_in_range(writer->n, 0, 5000);
}

/* Who sets only the high mark has a low one that is not above it. */
static void a_high_mark_alone_brings_the_low_one_down(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.high = 2000};
	struct side *writer, *reader;
	net_stalled_pair(net, &opts, &writer, &reader);
	writer->then = note_queue;
	writer->n = -1;

	const size_t sent = side_fill(writer, 0, 10000);
	net_turns(net, 5);
	assert_int_equal(writer->drains, 0);
	weir_hold(reader->stream, false);
	while (reader->len < sent)
		net_turn(net);
	assert_int_equal(writer->drains, 1);
	assert_in_range(writer->n, 0, 2000);
}

/* Below the high mark as well: who holds a reader until drain must not wait for ever. */
static void drain_comes_after_a_write_was_refused(void **state)
{
	static char block[30000];
	struct net *net = *state;
	const weir_stream_opts opts = {.low = 1000, .high = 40000, .max_queue = 40000};
	struct side *writer, *reader;
	net_stalled_pair(net, &opts, &writer, &reader);

	const size_t sent = side_fill(writer, 0, 20000);
	assert_int_equal(weir_write(writer->stream, block, sizeof(block)), WEIR_EFULL);
	net_turns(net, 5);
	assert_int_equal(writer->drains, 0);
	weir_hold(reader->stream, false);
	while (reader->len < sent)
		net_turn(net);
	net_turns(net, 5);
	assert_int_equal(writer->drains, 1);
}

static void no_drain_comes_when_the_high_mark_was_not_passed(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.low = 1000, .high = 50000, .max_queue = 100000};
	struct side *writer, *reader;
	net_stalled_pair(net, &opts, &writer, &reader);

	const size_t sent = side_fill(writer, 0, 30000);
	weir_hold(reader->stream, false);
	while (reader->len < sent)
		net_turn(net);
	net_turns(net, 5);
	assert_int_equal(writer->drains, 0);
}

static void marks_out_of_order_are_refused_and_zero_keeps_the_present_ones(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.low = 1000, .high = 2000, .max_queue = 30000};
	struct side *writer, *reader;
	char block[30001] = "";
	net_pair(net, &opts, &writer, &reader);

	assert_int_equal(weir_marks(writer->stream, 3000, 0, 0), WEIR_EINVALID);
	assert_int_equal(weir_marks(writer->stream, 0, 500, 0), WEIR_EINVALID);
	assert_int_equal(weir_marks(writer->stream, 0, 0, 1999), WEIR_EINVALID);
	assert_int_equal(weir_marks(writer->stream, -5, 0, 0), WEIR_EINVALID);
	assert_int_equal(weir_marks(writer->stream, 0, 0, 0), 0);
	assert_int_equal(weir_write(writer->stream, block, 30001), WEIR_EFULL);
	assert_int_equal(weir_marks(writer->stream, 0, 0, 30001), 0);
	assert_true(weir_write(writer->stream, block, 30001) >= 0);
}

/* ---- weir_write_ref ---- */

static void done_is_not_called_when_all_was_sent_at_once(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	for (int i = 0; i < 3; i++)
		assert_int_equal(weir_write_ref(writer->stream, "hello", 5, side_done, writer), 0);
	while (reader->len < 15)
		net_turn(net);
	net_turns(net, 5);
	assert_int_equal(writer->dones, 0);
}

static void done_is_called_once_when_the_octets_are_with_the_kernel(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	char *data = new_pattern(HUGE_WRITE);
	net_stalled_pair(net, NULL, &writer, &reader);

	assert_true(weir_write_ref(writer->stream, data, HUGE_WRITE, side_done, writer) > 0);
	assert_int_equal(writer->dones, 0);
	net_turns(net, 5);
	assert_int_equal(writer->dones, 0);

	weir_hold(reader->stream, false);
	while (!writer->dones)
		net_turn(net);
	assert_int_equal(writer->status, 0);
	assert_int_equal(weir_queued(writer->stream), 0);
	/* It is no longer needed: what was not received yet is not affected. */
	memset(data, 'x', HUGE_WRITE);
	while (reader->len < HUGE_WRITE)
		net_turn(net);
	net_turns(net, 5);
	assert_true(pattern_is(reader->got, reader->len, 0));
	assert_int_equal(writer->dones, 1);
	free(data);
}

static void references_and_copies_keep_their_order(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	char *data = new_pattern(300000);
	size_t at = 0;
	net_stalled_pair(net, NULL, &writer, &reader);

	for (int i = 0; at < 300000; i++, at += 5000) {
		const int64_t result =
			i % 3 ? weir_write(writer->stream, data + at, 5000)
			      : weir_write_ref(writer->stream, data + at, 5000, side_done, writer);
		assert_true(result >= 0);
		writer->n += i % 3 == 0 && result > 0;
	}
	assert_true(writer->n > 10);
	weir_hold(reader->stream, false);
	while (reader->len < 300000 || writer->dones < writer->n)
		net_turn(net);
	net_turns(net, 5);
	assert_true(pattern_is(reader->got, reader->len, 0));
	assert_int_equal(writer->dones, writer->n);
	free(data);
}

/* The address sanitizer would see it if the octets were looked at after the close. */
static void weir_close_gives_a_reference_back_without_a_call(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	char *data = new_pattern(HUGE_WRITE);
	net_stalled_pair(net, NULL, &writer, &reader);

	assert_true(weir_write_ref(writer->stream, data, HUGE_WRITE, side_done, writer) > 0);
	side_close(writer);
	free(data);

	weir_hold(reader->stream, false);
	while (!reader->gones)
		net_turn(net);
	assert_int_equal(writer->dones, 0);
	assert_int_equal(writer->gones, 0);
}

static void when_the_stream_ends_done_says_why_before_gone(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	const int peer = raw_connect(host->address);
	struct side *writer = host_wait(host, 1);
	char *data = new_pattern(4u << 20);

	assert_true(weir_write_ref(writer->stream, data, 4u << 20, side_done, writer) > 0);
	raw_reset(peer);
	while (!writer->gones)
		net_turn(net);

	assert_string_equal(writer->log, "ong");
	assert_int_equal(writer->status, writer->why);
	assert_true(writer->why == -ECONNRESET || writer->why == -EPIPE);
	free(data);
}

static void write_again(struct side *side, char event)
{
	if (event == 'n' && side->dones < 5)
		assert_true(weir_write_ref(side->stream, side->arg, HUGE_WRITE, side_done, side) >=
		            0);
	if (event == 'n' && side->dones == 5)
		weir_finish(side->stream);
}

static void a_reference_may_be_written_in_done(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	char *data = new_pattern(HUGE_WRITE);
	net_stalled_pair(net, NULL, &writer, &reader);
	weir_hold(reader->stream, false);
	reader->counts_only = true;
	writer->arg = data;
	writer->then = write_again;

	assert_true(weir_write_ref(writer->stream, data, HUGE_WRITE, side_done, writer) > 0);
	while (!writer->gones)
		net_turn(net);
	assert_int_equal(reader->len, 5 * HUGE_WRITE);
	assert_int_equal(writer->dones, 5);
	free(data);
}

/* pummel/test-net-write-callbacks: 500,000 writes of 11 octets, each told of. */
static void each_of_very_many_references_is_told_of(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.low = 1, .high = WEIR_OFF, .max_queue = WEIR_OFF};
	const int writes = 500000;
	struct side *writer, *reader;
	int queued = 0;
	net_stalled_pair(net, &opts, &writer, &reader);
	reader->counts_only = true;

	for (int i = 0; i < writes; i++) {
		const int64_t result =
			weir_write_ref(writer->stream, "hello world", 11, side_done, writer);
		assert_true(result >= 0);
		queued += result > 0;
	}
	assert_true(queued > writes / 2);
	weir_finish(writer->stream);
	weir_hold(reader->stream, false);
	while (!writer->gones)
		net_turn(net);
	assert_int_equal(reader->len, 11 * (size_t)writes);
	assert_int_equal(writer->dones, queued);
	assert_int_equal(writer->why, 0);
}

/* ---- writing to somebody slow ---- */

static void pause_reading(struct side *side, char event)
{
	if (event != 'd')
		return;
	side->n++;
	weir_hold(side->stream, true);
	weir_timer_start(side->net->loop, side->arg, 10, 0);
}

static void resume_reading(weir_timer *timer, void *arg)
{
	struct side *side = arg;

	(void)timer;
	if (side->stream)
		weir_hold(side->stream, false);
}

/* pummel/test-net-throttle: three writes; the reader pauses after each piece. */
static void nothing_comes_while_the_reader_pauses_and_all_comes_in_the_end(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	weir_timer timer;
	char *data = new_pattern(160 << 10);
	net_stalled_pair(net, NULL, &writer, &reader);
	weir_hold(reader->stream, false);
	weir_timer_init(&timer, resume_reading, reader);
	reader->arg = &timer;
	reader->then = pause_reading;

	int64_t queued = 0;
	for (size_t at = 0; at < 160 << 10; at += 64 << 10)
		queued =
			weir_write(writer->stream, data + at, at < 128 << 10 ? 64 << 10 : 32 << 10);
	assert_in_range(queued, 1, 160 << 10);
	weir_finish(writer->stream);

	while (!reader->gones) {
		const int datas = reader->datas;
		net_turn(net);
		/* Held from the first octets on: at most one call a turn. */
		assert_true(reader->datas <= datas + 1);
	}
	assert_true(reader->n > 2);
	assert_int_equal(reader->len, 160 << 10);
	assert_true(pattern_is(reader->got, reader->len, 0));
	weir_timer_stop(&timer);
	free(data);
}

/* test-net-write-slow: what the kernel takes of a long queue counts as activity. */
static void progress_of_the_queue_keeps_a_slow_writer_from_idling(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	weir_timer timer;
	char *data = new_pattern(200000);
	net_stalled_pair(net, NULL, &writer, &reader);
	weir_hold(reader->stream, false);
	weir_idle(writer->stream, 200);
	weir_timer_init(&timer, resume_reading, reader);
	reader->arg = &timer;
	reader->then = pause_reading;

	for (int i = 0; i < 3; i++)
		assert_true(weir_write_ref(writer->stream, data, 200000, side_done, writer) > 0);
	weir_finish(writer->stream);
	const int64_t begin = test_now_ms();
	while (!reader->gones)
		net_turn(net);
	assert_true(test_now_ms() - begin > 300);
	assert_int_equal(writer->idles, 0);
	assert_int_equal(writer->dones, 3);
	assert_int_equal(reader->len, 600000);
	weir_timer_stop(&timer);
	free(data);
}

/* ---- errors ---- */

/* test-net-write-after-close: the peer is gone; the write does not know yet. */
static void an_error_is_told_by_gone_and_never_inside_the_write(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	const int peer = raw_connect(host->address);
	struct side *writer = host_wait(host, 1);

	raw_reset(peer);
	const int64_t result = side_write(writer, "too late");
	assert_true(result == 0 || result == 8);
	assert_int_equal(writer->gones, 0);
	assert_int_equal(side_write(writer, "again"), WEIR_ECLOSED);
	assert_int_equal(weir_write_ref(writer->stream, "x", 1, side_done, writer), WEIR_ECLOSED);
	assert_int_equal(writer->gones, 0);

	while (!writer->gones)
		net_turn(net);
	assert_string_equal(writer->log, "og");
	assert_true(writer->why == -ECONNRESET || writer->why == -EPIPE);
}

static void after_finish_writes_are_refused_and_finish_again_is_nothing(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	assert_int_equal(side_write(writer, "last"), 0);
	weir_finish(writer->stream);
	weir_finish(writer->stream);
	assert_int_equal(side_write(writer, "more"), WEIR_ECLOSED);
	assert_int_equal(weir_write_ref(writer->stream, "more", 4, side_done, writer),
	                 WEIR_ECLOSED);

	while (!writer->gones)
		net_turn(net);
	assert_true(side_has(reader, "last"));
	assert_int_equal(writer->why, 0);
}

/* test-regress-GH-1697: the loop is blocked, then a last octet and the end. */
static void a_blocked_loop_loses_nothing(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	char *data = new_pattern(100 * 1024 + 1);
	net_stalled_pair(net, NULL, &writer, &reader);
	weir_hold(reader->stream, false);

	for (size_t i = 0; i < 100; i++)
		assert_true(weir_write(writer->stream, data + i * 1024, 1024) >= 0);
	for (const int64_t end = test_now_ms() + 100; test_now_ms() < end;)
		continue;
	assert_true(weir_write(writer->stream, data + 102400, 1) >= 0);
	weir_finish(writer->stream);

	while (!writer->gones || !reader->gones)
		net_turn(net);
	assert_int_equal(reader->len, 102401);
	assert_true(pattern_is(reader->got, reader->len, 0));
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_small_write_is_with_the_kernel_at_once),
		NET_TEST(nothing_is_written_by_an_empty_write),
		NET_TEST(pieces_arrive_as_one_in_their_order),
		NET_TEST(more_pieces_than_the_kernel_takes_in_one_call_arrive),
		NET_TEST(what_the_kernel_does_not_take_is_queued_and_sent_in_order),
		NET_TEST(the_result_is_what_is_queued),
		NET_TEST(a_large_write_arrives_before_the_end),
		NET_TEST(beyond_the_limit_nothing_is_taken_and_the_stream_is_unharmed),
		NET_TEST(a_write_longer_than_the_limit_is_refused_though_the_queue_is_empty),
		NET_TEST(a_limit_lowered_below_what_is_queued_refuses_writes),
		NET_TEST(drain_comes_once_for_each_time_the_queue_was_above_the_high_mark),
		NET_TEST(drain_comes_at_the_low_mark),
		NET_TEST(a_high_mark_alone_brings_the_low_one_down),
		NET_TEST(drain_comes_after_a_write_was_refused),
		NET_TEST(no_drain_comes_when_the_high_mark_was_not_passed),
		NET_TEST(marks_out_of_order_are_refused_and_zero_keeps_the_present_ones),
		NET_TEST(done_is_not_called_when_all_was_sent_at_once),
		NET_TEST(done_is_called_once_when_the_octets_are_with_the_kernel),
		NET_TEST(references_and_copies_keep_their_order),
		NET_TEST(weir_close_gives_a_reference_back_without_a_call),
		NET_TEST(when_the_stream_ends_done_says_why_before_gone),
		NET_TEST(a_reference_may_be_written_in_done),
		NET_TEST(each_of_very_many_references_is_told_of),
		NET_TEST(nothing_comes_while_the_reader_pauses_and_all_comes_in_the_end),
		NET_TEST(progress_of_the_queue_keeps_a_slow_writer_from_idling),
		NET_TEST(an_error_is_told_by_gone_and_never_inside_the_write),
		NET_TEST(after_finish_writes_are_refused_and_finish_again_is_nothing),
		NET_TEST(a_blocked_loop_loses_nothing),
	};
	return cmocka_run_group_tests_name("write", tests, NULL, NULL);
}
