/*
 * What does a stream tell, in which order, and what not: reading, holding, what
 * is left unread, the two ends, and that gone is the last call.
 */
#include "tests/support/net.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- holding ---- */

static void a_held_stream_reads_nothing_until_it_is_resumed(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	weir_hold(reader->stream, true);
	assert_int_equal(side_write(writer, "wait"), 0);
	net_turns(net, 30);
	assert_int_equal(reader->datas, 0);

	weir_hold(reader->stream, false);
	assert_int_equal(reader->datas, 0);
	while (!reader->datas)
		net_turn(net);
	assert_true(side_has(reader, "wait"));
}

static void holding_and_resuming_at_once_changes_nothing(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	for (int i = 0; i < 10; i++) {
		weir_hold(reader->stream, true);
		weir_hold(reader->stream, false);
	}
	assert_int_equal(side_write(writer, "go"), 0);
	while (!reader->datas)
		net_turn(net);
	assert_true(side_has(reader, "go"));
}

static void a_held_stream_hears_of_the_end_when_it_is_resumed(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	weir_hold(reader->stream, true);
	(void)side_write(writer, "bye");
	weir_finish(writer->stream);
	net_turns(net, 20);
	assert_string_equal(reader->log, "o");

	weir_hold(reader->stream, false);
	while (!reader->gones || !writer->gones)
		net_turn(net);
	assert_string_equal(reader->log, "odeg");
	assert_string_equal(writer->log, "oeg");
}

/* ---- what is left unread ---- */

/* Uses the first side->n octets offered in each call. */
static size_t take_some(struct side *side, const char *data, size_t len)
{
	(void)data;
	return len < (size_t)side->n ? len : (size_t)side->n;
}

/* Uses whole lines only. */
static size_t take_lines(struct side *side, const char *data, size_t len)
{
	(void)side;
	while (len && data[len - 1] != '\n')
		len--;
	return len;
}

static void the_rest_is_not_offered_again_by_itself(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);
	reader->take = take_some;
	reader->n = 2;

	(void)side_write(writer, "abcdef");
	net_turns(net, 20);
	assert_int_equal(reader->datas, 1);
	assert_true(side_has(reader, "ab"));
}

static void the_rest_is_offered_in_one_piece_with_more_octets(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);
	reader->take = take_lines;

	(void)side_write(writer, "one\ntw");
	while (reader->datas < 1)
		net_turn(net);
	assert_true(side_has(reader, "one\n"));
	(void)side_write(writer, "o");
	while (reader->datas < 2)
		net_turn(net);
	assert_true(side_has(reader, "one\n"));
	(void)side_write(writer, "\nthree\n");
	while (reader->datas < 3)
		net_turn(net);
	assert_true(side_has(reader, "one\ntwo\nthree\n"));
}

static void the_rest_is_offered_on_resume_and_from_the_loop(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);
	reader->take = take_some;
	reader->n = 3;

	(void)side_write(writer, "abcdef");
	while (!reader->datas)
		net_turn(net);
	weir_hold(reader->stream, true);
	weir_hold(reader->stream, false);
	assert_int_equal(reader->datas, 1);
	while (reader->datas < 2)
		net_turn(net);
	assert_true(side_has(reader, "abcdef"));
}

static void the_rest_is_offered_once_more_before_the_end(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);
	reader->take = take_some;
	reader->n = 4;

	(void)side_write(writer, "abcdefghijkl");
	while (!reader->datas)
		net_turn(net);
	weir_finish(writer->stream);
	while (!reader->gones)
		net_turn(net);
	/* What is not used even then is dropped. */
	assert_int_equal(reader->datas, 2);
	assert_true(side_has(reader, "abcdefgh"));
	assert_string_equal(reader->log, "odeg");
}

static size_t take_none_then_all(struct side *side, const char *data, size_t len)
{
	(void)data;
	return side->n ? len : 0;
}

/* A rest that outgrows each kind of buffer: small ones, a chunk, larger ones. */
static void a_rest_of_any_size_is_kept_whole(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.max_unread = 300000};
	struct side *writer, *reader;
	char block[997];
	size_t sent = 0;
	net_pair(net, &opts, &writer, &reader);
	reader->take = take_none_then_all;

	while (sent < 250000) {
		pattern_fill(block, sizeof(block), sent);
		assert_true(weir_write(writer->stream, block, sizeof(block)) >= 0);
		sent += sizeof(block);
		if (sent % 7 == 0)
			net_turn(net);
	}
	net_turns(net, 20);
	assert_int_equal(reader->len, 0);
	reader->n = 1;
	weir_hold(reader->stream, true);
	weir_hold(reader->stream, false);
	while (reader->len < sent)
		net_turn(net);
	assert_int_equal(reader->len, sent);
	assert_true(pattern_is(reader->got, sent, 0));
}

static void more_unread_than_allowed_ends_the_stream(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.max_unread = 5000};
	struct side *writer, *reader;
	net_pair(net, &opts, &writer, &reader);
	reader->take = take_none_then_all;

	for (int i = 0; i < 10 && !reader->gones; i++) {
		char block[1000] = "";
		(void)weir_write(writer->stream, block, sizeof(block));
		net_turns(net, 5);
		assert_int_equal(reader->gones, i >= 5);
	}
	assert_int_equal(reader->why, WEIR_ETOOBIG);
	assert_string_equal(reader->log, "odg");
}

static size_t hold_and_use_none(struct side *side, const char *data, size_t len)
{
	(void)data;
	if (!side->n++)
		weir_hold(side->stream, true);
	return side->n > 1 ? len : 0;
}

/* One who is held has said that he does not want more: it is no fault of his. */
static void holding_in_the_data_callback_keeps_what_it_did_not_use(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);
	reader->take = hold_and_use_none;

	(void)side_write(writer, "one");
	while (!reader->datas)
		net_turn(net);
	(void)side_write(writer, "two");
	net_turns(net, 10);
	assert_int_equal(reader->datas, 1);
	weir_hold(reader->stream, false);
	while (reader->len < 6)
		net_turn(net);
	assert_true(side_has(reader, "onetwo"));
}

static size_t close_here(struct side *side, const char *data, size_t len)
{
	(void)data;
	if (side->datas < side->n)
		return 0;
	side_close(side);
	return len;
}

/* The side copies the octets after its `take` has closed the stream. */
static void the_octets_are_good_until_the_callback_returns_also_when_it_closes(void **state)
{
	struct net *net = *state;

	for (int kept = 0; kept < 2; kept++) {
		struct side *writer, *reader;
		net_pair(net, NULL, &writer, &reader);
		reader->take = close_here;
		reader->n = 1 + kept;
		(void)side_write(writer, "first");
		while (reader->datas < 1)
			net_turn(net);
		(void)side_write(writer, "second");
		while (reader->stream)
			net_turn(net);
		assert_true(side_has(reader, kept ? "firstsecond" : "first"));
		side_close(writer);
	}
}

/* ---- the two ends ---- */

static void the_ends_of_the_two_directions_are_independent(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);
	server->stays = true;

	weir_finish(client->stream);
	while (!server->ends)
		net_turn(net);
	/* Half-closed: octets still go the other way. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(side_write(server, "still"), 0);
		while (client->len < 5 * (size_t)(i + 1))
			net_turn(net);
	}
	assert_int_equal(client->gones + server->gones, 0);

	weir_finish(server->stream);
	while (!client->gones || !server->gones)
		net_turn(net);
	assert_string_equal(client->log, "odeg");
	assert_string_equal(server->log, "oeg");
	assert_int_equal(client->why, 0);
	assert_int_equal(server->why, 0);
}

static void without_an_end_callback_the_stream_finishes_by_itself(void **state)
{
	static const weir_stream_ops none = {0};
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);

	weir_stream_on(server->stream, &none, NULL);
	(void)side_write(client, "dropped");
	weir_finish(client->stream);
	while (!client->gones)
		net_turn(net);
	assert_string_equal(client->log, "oeg");
}

static void what_was_queued_before_finish_is_sent_first(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_stalled_pair(net, NULL, &writer, &reader);

	const size_t sent = side_fill(writer, 0, 200000);
	weir_finish(writer->stream);
	assert_true(weir_queued(writer->stream) >= 200000);
	weir_hold(reader->stream, false);
	while (!reader->gones || !writer->gones)
		net_turn(net);
	assert_int_equal(reader->len, sent);
	assert_string_equal(reader->log, "odeg");
	assert_int_equal(writer->gones, 1);
	assert_int_equal(writer->why, 0);
}

static void both_may_finish_at_once(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);

	weir_finish(client->stream);
	weir_finish(server->stream);
	while (!client->gones || !server->gones)
		net_turn(net);
	assert_string_equal(client->log, "oeg");
	assert_string_equal(server->log, "oeg");
}

static void gone_comes_once_and_last(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	const int peer = raw_connect(host->address);
	struct side *side = host_wait(host, 1);

	raw_write(peer, "x", 1);
	while (!side->datas)
		net_turn(net);
	raw_reset(peer);
	while (!side->gones)
		net_turn(net);
	net_turns(net, 10);
	assert_string_equal(side->log, "odg");
	assert_int_equal(side->gones, 1);
	assert_int_equal(side->why, -ECONNRESET);
}

/* test-net-after-close: in gone the stream is still good for every call. */
static void ask_everything(struct side *side, char event)
{
	char text[128];
	weir_ids ids;
	weir_stream *s = side->stream;
	if (event != 'g')
		return;
	weir_hold(s, true);
	weir_hold(s, false);
	weir_idle(s, 1000);
	weir_finish(s);
	(void)weir_nodelay(s, true);
	(void)weir_keepalive(s, 5);
	(void)weir_marks(s, 1, 2, 3);
	(void)weir_local(s, text, sizeof(text));
	(void)weir_peer(s, text, sizeof(text));
	(void)weir_peer_ids(s, &ids);
	assert_int_equal(weir_write(s, "x", 1), WEIR_ECLOSED);
	assert_int_equal(weir_queued(s), 0);
	assert_ptr_equal(weir_stream_arg(s), side);
	assert_ptr_equal(weir_stream_loop(s), side->net->loop);
	assert_true(weir_stream_fd(s) >= 0);
	side->n++;
}

static void in_gone_every_call_is_harmless(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);
	client->then = server->then = ask_everything;

	weir_finish(client->stream);
	while (!client->gones || !server->gones)
		net_turn(net);
	net_turns(net, 10);
	assert_int_equal(client->n + server->n, 2);
	assert_int_equal(client->gones + server->gones, 2);
}

/* ---- changing the role ---- */

static size_t second_role(weir_stream *stream, const char *data, size_t len, void *arg)
{
	struct side *side = arg;

	(void)stream;
	(void)data;
	side->n += (int)len;
	return len;
}

static void after_weir_stream_on_the_new_callbacks_are_called(void **state)
{
	static const weir_stream_ops ops = {.data = second_role};
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);

	(void)side_write(writer, "hello");
	while (reader->len < 5)
		net_turn(net);
	weir_stream *stream = reader->stream;
	weir_stream_on(stream, &ops, writer);
	assert_ptr_equal(weir_stream_arg(stream), writer);
	(void)side_write(writer, "again");
	while (writer->n < 5)
		net_turn(net);
	assert_int_equal(reader->len, 5);
	weir_close(stream);
}

static const weir_stream_ops second = {.data = second_role};

static size_t leave_and_change(struct side *side, const char *data, size_t len)
{
	(void)data;
	(void)len;
	weir_stream_on(side->stream, &second, side);
	return 2;
}

/* A protocol that hands over leaves the octets behind its own to the next one. */
static void the_next_role_is_offered_what_the_first_left(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_pair(net, NULL, &writer, &reader);
	reader->take = leave_and_change;

	(void)side_write(writer, "abcde");
	while (!reader->datas)
		net_turn(net);
	weir_hold(reader->stream, true);
	weir_hold(reader->stream, false);
	while (reader->n < 3)
		net_turn(net);
	assert_int_equal(reader->n, 3);
	assert_int_equal(reader->datas, 1);
}

/* ---- options ---- */

/* test-net-keepalive */
static void keep_alive_and_no_delay_can_be_set(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	int on = 0;
	socklen_t len = sizeof(on);
	net_pair(net, NULL, &client, &server);

	assert_int_equal(weir_keepalive(client->stream, 1), 0);
	assert_int_equal(
		getsockopt(weir_stream_fd(client->stream), SOL_SOCKET, SO_KEEPALIVE, &on, &len), 0);
	assert_true(on);
	assert_int_equal(weir_keepalive(client->stream, 0), 0);
	assert_int_equal(weir_nodelay(client->stream, false), 0);
	assert_int_equal(weir_nodelay(client->stream, true), 0);
	net_turns(net, 20);
	assert_int_equal(client->gones + server->gones, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_held_stream_reads_nothing_until_it_is_resumed),
		NET_TEST(holding_and_resuming_at_once_changes_nothing),
		NET_TEST(a_held_stream_hears_of_the_end_when_it_is_resumed),
		NET_TEST(the_rest_is_not_offered_again_by_itself),
		NET_TEST(the_rest_is_offered_in_one_piece_with_more_octets),
		NET_TEST(the_rest_is_offered_on_resume_and_from_the_loop),
		NET_TEST(the_rest_is_offered_once_more_before_the_end),
		NET_TEST(a_rest_of_any_size_is_kept_whole),
		NET_TEST(more_unread_than_allowed_ends_the_stream),
		NET_TEST(holding_in_the_data_callback_keeps_what_it_did_not_use),
		NET_TEST(the_octets_are_good_until_the_callback_returns_also_when_it_closes),
		NET_TEST(the_ends_of_the_two_directions_are_independent),
		NET_TEST(without_an_end_callback_the_stream_finishes_by_itself),
		NET_TEST(what_was_queued_before_finish_is_sent_first),
		NET_TEST(both_may_finish_at_once),
		NET_TEST(gone_comes_once_and_last),
		NET_TEST(in_gone_every_call_is_harmless),
		NET_TEST(after_weir_stream_on_the_new_callbacks_are_called),
		NET_TEST(the_next_role_is_offered_what_the_first_left),
		NET_TEST(keep_alive_and_no_delay_can_be_set),
	};
	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
