/*
 * Does backpressure reach from end to end? Posts --octets to /echo and reads
 * nothing for --stall seconds, then reads while it sends, and compares every
 * octet and the framing.
 *
 *     upload ADDRESS [--octets=64M] [--stall=2] [--chunked] [--seed=1] [--seconds=120]
 *                    [--pid=N] [--max-grow=1M] [--cut]
 *
 * Right is: during the stall the upload stops (the octets sent do not grow any
 * more), the server's process --pid has not more than --max-grow octets more
 * than it had before, then and later; what comes back is what was sent, framed
 * as it was sent, trailers dropped; and the connection serves one more request.
 *
 * With --cut right is that the server ends the connection during the stall,
 * since it has a limit for clients that do not read.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/client.h"

#define MAX_PIECE 65536
/* So many chunks have an extension: of those a server takes only so much in a message. */
#define EXTENDED 100

static struct option options[] = {
	{"octets", 64 << 20}, {"stall", 2},          {"chunked", 0}, {"seed", 1}, {"seconds", 120},
	{"pid", 0},           {"max-grow", 1 << 20}, {"cut", 0},     {NULL, 0},
};

/* ---- the octets --------------------------------------------------------- */

/* A sequence that depends on the seed alone, eight octets a step (xorshift64*). */
struct sequence {
	uint64_t state;
	unsigned char rest[8];
	size_t left;
};

static uint64_t next_word(struct sequence *s)
{
	s->state ^= s->state >> 12;
	s->state ^= s->state << 25;
	s->state ^= s->state >> 27;
	return s->state * UINT64_C(2685821657736338717);
}

static void next_octets(struct sequence *s, unsigned char *data, size_t len)
{
	while (len > 0) {
		if (s->left == 0 && len >= 8) {
			uint64_t word = next_word(s);
			memcpy(data, &word, 8);
			data += 8;
			len -= 8;
			continue;
		}
		if (s->left == 0) {
			uint64_t word = next_word(s);
			memcpy(s->rest, &word, 8);
			s->left = 8;
		}
		*data++ = s->rest[8 - s->left--];
		len--;
	}
}

/* ---- the sender --------------------------------------------------------- */

static struct sender {
	struct sequence octets;
	uint64_t left;          /* of the body, to be put into out */
	int64_t sent;           /* octets that the kernel took, framing included */
	uint32_t sizes, chunks; /* makes the sizes of chunks; counts them */
	int chunked, complete;  /* complete: the end is in out too */
	size_t at, len;
	char out[MAX_PIECE + 128];
} sender;

static void put_text(const char *text)
{
	memcpy(sender.out + sender.len, text, strlen(text));
	sender.len += strlen(text);
}

static void put_head(uint64_t octets, int chunked)
{
	sender.left = octets;
	sender.chunked = chunked;
	put_text("POST /echo HTTP/1.1\r\nHost: upload\r\n");
	if (chunked)
		put_text("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
	else
		sender.len +=
			(size_t)sprintf(sender.out + sender.len, "Content-Length: %llu\r\n\r\n",
		                        (unsigned long long)octets);
}

/* The next piece of the body with its framing: a chunk of any size, at the end the trailers. */
static void put_piece(void)
{
	size_t size = MAX_PIECE;
	sender.at = sender.len = 0;
	if (sender.chunked) {
		sender.sizes = sender.sizes * 1664525 + 1013904223;
		size = 1 + (sender.sizes >> 8) % MAX_PIECE;
	}
	if (size > sender.left)
		size = (size_t)sender.left;
	if (sender.chunked && size > 0)
		sender.len = (size_t)sprintf(sender.out, "%zx%s\r\n", size,
		                             sender.chunks++ < EXTENDED ? ";n=\"o\"" : "");
	next_octets(&sender.octets, (unsigned char *)sender.out + sender.len, size);
	sender.len += size;
	sender.left -= size;
	if (sender.chunked && size > 0)
		put_text("\r\n");
	if (sender.left == 0) {
		sender.complete = 1;
		if (sender.chunked)
			put_text("0\r\nX-Sum: none\r\n\r\n");
	}
}

static int sending(void)
{
	return sender.at < sender.len || !sender.complete;
}

/* Sends what the kernel takes; returns 0, or -errno when the connection has ended. */
static int send_more(int fd)
{
	if (sender.at == sender.len)
		put_piece();
	int64_t n = send_some(fd, sender.out + sender.at, sender.len - sender.at);
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	sender.at += (size_t)n;
	sender.sent += n;
	return 0;
}

/* ---- the receiver ------------------------------------------------------- */

enum expected { HEAD, PIECE, CHUNK_LINE, CHUNK_END, LAST_LINE, COMPLETE };

static struct receiver {
	struct sequence octets;
	uint64_t body, got; /* expected octets of the body; compared so far */
	int chunked;
	enum expected state;
	uint64_t piece; /* octets left of this chunk, or of the body */
	size_t len;     /* octets of a line or head that is not complete */
	char line[4096];
} receiver;

static void begin_body(void)
{
	struct reply reply;
	if (read_reply(&reply, receiver.line, receiver.len) != 1 || reply.status != 200)
		fail("the reply begins: %.*s", (int)receiver.len, receiver.line);
	if (reply.chunked != receiver.chunked || reply.close)
		fail("the reply is not framed as the request: %.*s", (int)receiver.len,
		     receiver.line);
	if (!reply.chunked && reply.body != receiver.body)
		fail("the reply has a length of %zu", reply.body);
	receiver.piece = reply.chunked ? 0 : receiver.body;
	receiver.state = reply.chunked ? CHUNK_LINE : receiver.body ? PIECE : COMPLETE;
}

static void begin_chunk(void)
{
	char *end;
	receiver.line[receiver.len] = '\0';
	receiver.piece = strtoull(receiver.line, &end, 16);
	if (end == receiver.line || strcmp(end, "\r\n") != 0)
		fail("a chunk begins: %s", receiver.line);
	if (receiver.piece > receiver.body - receiver.got)
		fail("more comes back than was sent");
	receiver.state = receiver.piece ? PIECE : LAST_LINE;
}

static void empty_line(enum expected next)
{
	if (receiver.len != 2 || receiver.line[0] != '\r')
		fail("there are octets where a chunk or the body ends");
	receiver.state = next;
}

static void take_line(void)
{
	switch (receiver.state) {
	case HEAD:
		if (receiver.len < 4 ||
		    memcmp(receiver.line + receiver.len - 4, "\r\n\r\n", 4) != 0)
			return;
		begin_body();
		break;
	case CHUNK_LINE:
		begin_chunk();
		break;
	case CHUNK_END:
		empty_line(CHUNK_LINE);
		break;
	case LAST_LINE:
		empty_line(COMPLETE);
		break;
	case PIECE:
	case COMPLETE:
		fail("octets behind the reply");
	}
	receiver.len = 0;
}

static void compare(const char *data, size_t len)
{
	static unsigned char expected[MAX_PIECE];
	next_octets(&receiver.octets, expected, len);
	if (memcmp(expected, data, len) != 0)
		fail("what comes back differs, in the %zu octets after %llu", len,
		     (unsigned long long)receiver.got);
	receiver.got += len;
	receiver.piece -= len;
	if (receiver.piece == 0)
		receiver.state = receiver.chunked ? CHUNK_END : COMPLETE;
}

static void take_octets(const char *data, size_t len)
{
	while (len > 0) {
		size_t used = 1;
		if (receiver.state == PIECE) {
			used = len < receiver.piece ? len : (size_t)receiver.piece;
			compare(data, used);
		} else {
			if (receiver.len == sizeof receiver.line - 1)
				fail("a line does not end");
			receiver.line[receiver.len++] = *data;
			if (*data == '\n')
				take_line();
		}
		data += used;
		len -= used;
	}
}

/* Returns 0, or how the connection has ended. */
static int receive_more(int fd)
{
	static char data[MAX_PIECE];
	int64_t n = receive_some(fd, data, sizeof data);
	if (n == 0)
		return -EPIPE;
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	take_octets(data, (size_t)n);
	return 0;
}

/* ---- the run ------------------------------------------------------------ */

static struct memory {
	pid_t pid;
	int64_t idle, most_stalled, most;
	int64_t next; /* when to look again */
} memory;

static void look_at_memory(int64_t *most, int64_t now)
{
	if (memory.pid == 0 || now < memory.next)
		return;
	memory.next = now + 50000;
	int64_t octets = private_octets(memory.pid) - memory.idle;
	*most = octets > *most ? octets : *most;
	memory.most = octets > memory.most ? octets : memory.most;
}

static short wait_for(int fd, short events)
{
	struct pollfd look = {.fd = fd, .events = events};
	if (poll(&look, 1, 20) < 0)
		fail("poll: %s", strerror(errno));
	return look.revents;
}

/* Sends without reading. Returns when the last octet was taken, or < 0 when it was cut off. */
static int64_t stall(int fd, int64_t until)
{
	int64_t last = now_us();
	for (int64_t now = last; now < until; now = now_us()) {
		short events = wait_for(fd, sending() ? POLLOUT : 0);
		int64_t before = sender.sent;
		if (events & (POLLERR | POLLHUP))
			return -1;
		if (events & POLLOUT && send_more(fd) < 0)
			return -1;
		if (sender.sent != before)
			last = now;
		look_at_memory(&memory.most_stalled, now);
	}
	return last;
}

static void transfer(int fd)
{
	static int64_t most;
	while (receiver.state != COMPLETE) {
		short events = wait_for(fd, (short)(POLLIN | (sending() ? POLLOUT : 0)));
		int result = 0;
		if (events & POLLOUT)
			result = send_more(fd);
		if (result == 0 && events & ~POLLOUT)
			result = receive_more(fd);
		if (result < 0)
			fail("after %llu octets: %s", (unsigned long long)receiver.got,
			     result == -EPIPE ? "closed" : strerror(-result));
		look_at_memory(&most, now_us());
	}
	if (sending())
		fail("the reply is complete before the request is");
}

/* The connection is where it should be: one more request is understood and answered. */
static void ask_again(int fd)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: upload\r\nConnection: close\r\n\r\n";
	static char data[4096];
	struct reply reply;
	size_t len = 0;
	int64_t n = send_some(fd, request, sizeof request - 1);
	while (n > 0 || n == -EAGAIN) {
		wait_for(fd, POLLIN);
		n = receive_some(fd, data + len, sizeof data - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 || read_reply(&reply, data, len) != 1 || reply.status != 200 ||
	    len != reply.head + reply.body)
		fail("the connection does not serve another request: %.*s", (int)len, data);
}

static void check_growth(const char *when, int64_t octets)
{
	if (memory.pid && octets > option(options, "max-grow"))
		fail("%s the server has %lld KiB more than idle", when, (long long)octets / 1024);
}

static void report(int64_t stopped, int64_t sent, int64_t took)
{
	printf("upload: %llu octets, %s: stopped after %.2f s with %lld octets sent; ",
	       (unsigned long long)receiver.body, receiver.chunked ? "chunked" : "of known length",
	       (double)stopped / 1e6, (long long)sent);
	if (memory.pid)
		printf("server idle %lld KiB, grown by %lld KiB stalled and %lld KiB at most; ",
		       (long long)memory.idle / 1024, (long long)memory.most_stalled / 1024,
		       (long long)memory.most / 1024);
	printf("all came back, %.0f MiB/s\n",
	       (double)receiver.body / 1048576 / ((double)took / 1e6));
}

int main(int argc, char **argv)
{
	struct address to;
	read_arguments(argc, argv, &to, options);
	watchdog((unsigned)option(options, "seconds"));
	uint64_t seed = (uint64_t)option(options, "seed") * UINT64_C(0x9e3779b97f4a7c15) | 1;
	int64_t stall_us = option(options, "stall") * 1000000;
	receiver.octets.state = sender.octets.state = seed;
	receiver.body = (uint64_t)option(options, "octets");
	receiver.chunked = option(options, "chunked") != 0;
	memory.pid = (pid_t)option(options, "pid");
	if (memory.pid && (memory.idle = private_octets(memory.pid)) < 0)
		memory.pid = 0;

	int fd = dial(&to);
	put_head(receiver.body, receiver.chunked);
	int64_t begin = now_us();
	int64_t last = stall(fd, begin + stall_us);
	int64_t read_from = now_us(), sent_stalled = sender.sent;
	if (option(options, "cut")) {
		if (last >= 0)
			fail("the connection was not ended in %lld s",
			     (long long)stall_us / 1000000);
		printf("upload: ended by the server after %.2f s\n",
		       (double)(read_from - begin) / 1e6);
		return 0;
	}
	if (last < 0)
		fail("the connection has ended during the stall");
	if (stall_us > 0 && (!sending() || last - begin > stall_us / 2))
		fail("the upload did not stop: %lld octets in %.2f s", (long long)sender.sent,
		     (double)(last - begin) / 1e6);
	transfer(fd);
	int64_t took = now_us() - read_from;
	ask_again(fd);
	close(fd);
	check_growth("stalled,", memory.most_stalled);
	check_growth("transferring,", memory.most);
	report(last - begin, sent_stalled, took);
	return 0;
}
