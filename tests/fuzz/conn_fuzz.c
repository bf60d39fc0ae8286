/*
 * Does the server keep its promises, whatever client, application, kernel and
 * memory do, in whatever order? A storm as in tests/memio/http_storm_test.c, but
 * the input decides, and what the clients receive is read and compared with what
 * the application has said.
 * Input: what clients say; and read from the end, what happens: how the server is
 * set up, then one octet for each thing, and for what the application does about it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir_http.h>

#include "tests/fuzz/replies.h"
#include "tests/memio/memio.h"

enum { CLIENTS = 4, CALLS = 400 };

struct visitor {
	memio_client *c;
	bool left; /* has finished, closed or reset: says nothing more */
	bool calm; /* reads everything, and has not gone away */
};

static struct storm {
	struct fuzz_input in;
	uint32_t said; /* octets of the front that clients have sent */
	weir_loop *loop;
	weir_server *server;
	struct visitor visitors[CLIENTS];
	struct fuzz_exchange exchanges[FUZZ_EXCHANGES];
	int n;
	int inside;
	bool calm; /* neither memory nor server nor kernel have failed anyone */
	bool slow; /* the kernel takes few octets at a time */
	bool marks;
} s;

/* Up to 255, counted from '0'; that too when the script has run into what clients say. */
static uint8_t digit(void)
{
	return s.in.len > s.said ? (uint8_t)(fuzz_take(&s.in) - '0') : 0;
}

static uint32_t some_length(void)
{
	static const uint32_t lengths[] = {12, 0, 1, 100, 1000, 4097, 9000, FUZZ_CONTENT};

	return lengths[digit() % 8];
}

/* ---- memory ---- */

static struct memory {
	size_t blocks, octets;
	unsigned until; /* this request is refused; 0: none */
	bool lasting;   /* and so are those after it */
} memory;

/* Always moves, and knows nothing of the old content where it was. */
static void *allocate(void *arg, void *ptr, size_t old_size, size_t new_size)
{
	char *block = NULL;

	(void)arg;
	if (new_size > 0) {
		if (memory.until > 0 && (memory.until == 1 || --memory.until == 1)) {
			memory.until = memory.lasting;
			s.calm = s.marks = false;
			return NULL;
		}
		block = malloc(new_size);
		assert(block);
		memset(block, 0xa5, new_size);
		memory.blocks++;
		memory.octets += new_size;
	}
	if (ptr) {
		if (block)
			memcpy(block, ptr, old_size < new_size ? old_size : new_size);
		assert(memory.blocks > 0 && memory.octets >= old_size);
		memory.blocks--;
		memory.octets -= old_size;
		free(ptr);
	}
	return block;
}

/* ---- the application ---- */

static const weir_req_ops reads_body, looks_on;

static struct fuzz_exchange *exchange_of(const weir_req *req)
{
	for (int i = s.n - 1; i >= 0; i--)
		if (s.exchanges[i].req == req)
			return &s.exchanges[i];
	assert(false); /* a request that is not in hand */
	return NULL;
}

static int number_of(const struct fuzz_exchange *e)
{
	return (int)(e - s.exchanges);
}

static const char *content_of(const struct fuzz_exchange *e)
{
	static char text[26][FUZZ_CONTENT];
	char *letters = text[number_of(e) % 26];

	if (!letters[0])
		memset(letters, fuzz_letter(number_of(e)), FUZZ_CONTENT);
	return letters;
}

/* Says on the reply to come whose it is. */
static void mark(struct fuzz_exchange *e)
{
	char number[16];

	if (e->marked)
		return;
	snprintf(number, sizeof number, "%d", number_of(e));
	e->marked = weir_reply_field(e->req, FUZZ_MARK, number) == 0;
	if (!e->marked)
		s.marks = false;
}

static int status_for(struct fuzz_exchange *e)
{
	static const int statuses[] = {200, 204, 304, 404, 500, 200, 201, 205};
	const int status = statuses[digit() % 8];

	e->bodyless = status == 204 || status == 205 || status == 304;
	return status;
}

/* Whether the request is ended with it. */
static bool reply(struct fuzz_exchange *e)
{
	const bool begun = e->begun;
	const uint32_t len = some_length();
	int64_t result;

	if (!begun)
		mark(e);
	result = weir_reply(e->req, begun ? 200 : status_for(e), "text/plain", content_of(e), len);
	if (begun)
		assert(result == WEIR_ESTATE || result == WEIR_ECLOSED);
	if (result == WEIR_ESTATE || result == WEIR_EFULL || result == WEIR_EINVALID)
		return false;
	if (!begun && result >= 0) {
		e->begun = e->whole = true;
		e->taken = len;
	} else if (!begun) {
		/* Some of it may have left before. */
		e->begun = true;
		e->taken = FUZZ_CONTENT;
	}
	e->req = NULL;
	return true;
}

static void begin(struct fuzz_exchange *e)
{
	const int64_t length = digit() % 2 ? (int64_t)some_length() : WEIR_UNKNOWN;

	if (e->begun)
		return;
	mark(e);
	if (weir_reply_begin(e->req, status_for(e), length) >= 0)
		e->begun = true;
}

static void put(struct fuzz_exchange *e)
{
	const uint32_t len = some_length();

	if (weir_reply_write(e->req, content_of(e), len) >= 0)
		e->taken += len;
}

static bool end(struct fuzz_exchange *e)
{
	const bool begun = e->begun;

	e->whole = weir_reply_end(e->req) == 0 && begun;
	e->req = NULL;
	return true;
}

static void look(struct fuzz_exchange *e)
{
	weir_str name, value;
	unsigned sum = 0;

	for (unsigned i = 0; weir_req_nth(e->req, i, &name, &value); i++)
		for (size_t k = 0; k < value.len; k++)
			sum += (uint8_t)value.data[k];
	(void)weir_req_path(e->req);
	(void)weir_req_query(e->req);
	(void)weir_req_field(e->req, "Host");
	(void)weir_req_trailer(e->req, "X-Trailer");
	for (unsigned i = 0; weir_req_nth_trailer(e->req, i, &name, &value); i++)
		for (size_t k = 0; k < value.len; k++)
			sum += (uint8_t)value.data[k];
	assert(sum < 256 * FUZZ_MOST);
}

/* ---- after HTTP ---- */

/* What was not sent yet is lost with it. */
static void close_stream(weir_stream *stream, struct visitor *v)
{
	v->calm = false;
	weir_close(stream);
}

static size_t on_octets(weir_stream *stream, const char *data, size_t len, void *arg)
{
	const unsigned how = digit();

	assert(len > 0);
	(void)*(const volatile char *)(data + len - 1);
	if (how & 1)
		(void)weir_write(stream, data, len);
	if (how & 2)
		weir_finish(stream);
	else if (how & 4)
		close_stream(stream, arg);
	return how & 8 ? len / 2 : len;
}

static void on_stream_gone(weir_stream *stream, int why, void *arg)
{
	(void)stream;
	(void)arg;
	assert(why <= 0);
}

static const weir_stream_ops plain = {.data = on_octets, .gone = on_stream_gone};

/* To the first protocol on offer, or to a tunnel. Whether the request is ended with it. */
static bool switch_over(struct fuzz_exchange *e)
{
	const bool tunnel = e->method == WEIR_CONNECT;
	struct visitor *v = &s.visitors[e->client];
	const weir_str offer = weir_req_upgrade(e->req);
	char protocol[32] = "";
	weir_stream *stream;
	int result;

	for (size_t i = 0; i < offer.len && i + 1 < sizeof protocol && offer.data[i] != ','; i++)
		protocol[i] = offer.data[i];
	if (!e->begun)
		mark(e);
	result = weir_reply_switch(e->req, tunnel ? NULL : protocol, &plain, v, &stream);
	assert((result == 0) == (stream != NULL));
	if (result < 0)
		return false;
	assert(!e->begun);
	e->begun = e->whole = e->bodyless = true;
	e->req = NULL;
	if (digit() % 4 == 1)
		(void)weir_write(stream, "at once", 7);
	else if (digit() % 4 == 2)
		close_stream(stream, v);
	return true;
}

/* One thing done about a request. False: it is ended, or left alone for now. */
static bool act(struct fuzz_exchange *e)
{
	switch (digit() % 16) {
	case 0:
		return !reply(e);
	case 1:
		begin(e);
		return true;
	case 2:
	case 3:
		put(e);
		return true;
	case 4:
		return !end(e);
	case 5:
		weir_req_on(e->req, &reads_body, NULL);
		return true;
	case 6:
		weir_req_on(e->req, &looks_on, NULL);
		return true;
	case 7:
		weir_req_hold(e->req, true);
		return true;
	case 8:
		weir_req_hold(e->req, false);
		return true;
	case 9:
		/* It would take the mark with it. */
		if (!e->marked)
			(void)weir_reply_interim(e->req, 100 + (int)(digit() % 4));
		return true;
	case 10:
		(void)weir_reply_field(e->req, "X-More", "yes");
		return true;
	case 11:
		look(e);
		return true;
	case 12:
		return !switch_over(e);
	case 13:
		(void)weir_reply_trailer(e->req, "X-Trailer", "yes");
		return true;
	default:
		return false;
	}
}

static void acts(struct fuzz_exchange *e)
{
	assert(s.inside == 0);
	s.inside++;
	for (int i = 0; i < 8 && act(e); i++)
		;
	s.inside--;
}

static int client_of(const weir_req *req)
{
	char peer[80];
	const char *port;

	assert(weir_req_peer(req, peer, sizeof peer) > 0);
	port = strrchr(peer, ':');
	for (int i = 0; i < CLIENTS; i++)
		if (s.visitors[i].c && memio_client_addr(s.visitors[i].c)->port == atoi(port + 1))
			return i;
	assert(false); /* a request of nobody */
	return -1;
}

static void on_request(weir_req *req, void *arg)
{
	struct fuzz_exchange *e = &s.exchanges[s.n];

	(void)arg;
	assert(s.n < FUZZ_EXCHANGES);
	*e = (struct fuzz_exchange){.req = req, .client = client_of(req)};
	e->method = weir_req_method(req);
	s.n++;
	acts(e);
}

static size_t on_data(weir_req *req, const char *data, size_t len, void *arg)
{
	struct fuzz_exchange *e = exchange_of(req);
	const unsigned how = digit();

	(void)arg;
	assert(len > 0 && !e->gone && !e->end);
	(void)*(const volatile char *)(data + len - 1);
	if (how & 1)
		acts(e);
	return how & 2 ? len / 2 : len;
}

static void on_end(weir_req *req, void *arg)
{
	struct fuzz_exchange *e = exchange_of(req);

	(void)arg;
	assert(!e->end && !e->gone);
	e->end = true;
	acts(e);
}

static void on_change(weir_req *req, void *arg)
{
	struct fuzz_exchange *e = exchange_of(req);

	(void)arg;
	assert(!e->gone);
	if (digit() & 1)
		acts(e);
}

static void on_gone(weir_req *req, int why, void *arg)
{
	struct fuzz_exchange *e = exchange_of(req);

	(void)arg;
	assert(why < 0 && !e->gone);
	e->gone = true;
	if (digit() & 1)
		acts(e);
}

static const weir_req_ops reads_body = {on_data, on_end, on_change, on_change, on_gone};
static const weir_req_ops looks_on = {NULL, on_end, on_change, on_change, on_gone};

static bool on_expect(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	return digit() % 2 == 0;
}

/* ---- what happens ---- */

static void visit(struct visitor *v)
{
	*v = (struct visitor){.c = memio_client_connect(NULL), .left = false, .calm = true};
}

static void speak(struct visitor *v, uint32_t len)
{
	if (!v->c)
		visit(v);
	if (!v->c || v->left)
		return;
	if (len > s.in.len - s.said)
		len = s.in.len - s.said;
	memio_client_send(v->c, s.in.octets + s.said, len);
	s.said += len;
}

/* What a slow kernel has not taken in time may be lost. */
static void step(int64_t ms)
{
	if (ms > 0 && s.slow)
		s.calm = false;
	assert(weir_loop_step(s.loop, ms) >= 0);
}

static void leave(struct visitor *v, void (*how)(memio_client *))
{
	if (!v->c || v->left)
		return;
	if (how != memio_client_finish)
		v->calm = false;
	v->left = true;
	how(v->c);
}

static void narrow(struct visitor *v)
{
	const uint32_t room = digit();

	if (!v->c || (v->left && !v->calm))
		return;
	v->calm = false;
	memio_client_window(v->c, room % 64 == 63 ? SIZE_MAX : (size_t)room * 40);
}

/* As from a timer, not inside a callback. */
static void later(void)
{
	const unsigned from = digit();

	for (int i = 0; i < s.n; i++) {
		struct fuzz_exchange *e = &s.exchanges[(i + (int)from) % s.n];

		if (e->req) {
			acts(e);
			return;
		}
	}
}

static void end_server(void)
{
	s.calm = false;
	if (!s.server)
		return;
	if (digit() % 4) {
		weir_server_drain(s.server, (int64_t)digit() * 100 - 1);
		return;
	}
	weir_server_free(s.server);
	s.server = NULL;
}

static void slow_down(uint32_t most)
{
	s.slow = most > 0;
	memio_short_writes(most);
}

static void pass(uint32_t ms)
{
	if (s.slow)
		s.calm = false;
	memio_pass(ms);
}

static void fail_memory(void)
{
	const unsigned nth = digit();

	memory.until = 2 + nth % 32;
	memory.lasting = nth & 32;
}

static void happen(void)
{
	static const int64_t waits[] = {0, 1, 100, 1000, 3000, 10000, 20000, 80000};
	const unsigned what = digit();
	struct visitor *v = &s.visitors[what / 16 % CLIENTS];

	switch (what % 16) {
	case 0: /* all that is left, as a script that has run out says again and again */
		speak(v, UINT32_MAX);
		break;
	case 1:
	case 2:
		speak(v, digit());
		break;
	case 3:
		speak(v, 1);
		break;
	case 4:
		step(waits[digit() % 8]);
		break;
	case 5:
		leave(v, memio_client_finish);
		break;
	case 6:
		leave(v, digit() % 2 ? memio_client_close : memio_client_reset);
		break;
	case 7:
		narrow(v);
		break;
	case 8:
		if (v->c && !v->left)
			(void)memio_client_read(v->c, digit() * 16);
		break;
	case 9:
	case 10:
		later();
		break;
	case 11:
		memio_short_reads(digit() % 64);
		break;
	case 12:
		slow_down(digit() % 64);
		break;
	case 13:
		end_server();
		break;
	case 14:
		fail_memory();
		break;
	default:
		pass(digit() * 50);
	}
	step(0);
}

/* ---- a storm ---- */

static bool open_all(void)
{
	const weir_loop_opts loop_opts = {.alloc = allocate};
	const unsigned how = digit();
	const weir_server_opts opts = {
		.request = on_request,
		.expect = on_expect,
		.high = how & 1 ? 8000 : 0,
		.max_queue = how & 2 ? 24000 : 0,
		.max_requests = how & 4 ? 3 : 0,
		.max_conns = how & 8 ? 2 : 0,
		.max_body = how & 16 ? 20 : 0,
		.max_head = how & 32 ? 200 : 0,
		.methods = how & 64 ? UINT32_MAX >> (31 - WEIR_PATCH) : 0,
	};

	if (weir_loop_new(&s.loop, &loop_opts) < 0)
		return false;
	return weir_server_new(&s.server, s.loop, &opts) >= 0 &&
	       weir_server_listen(s.server, NULL, "127.0.0.1:80") >= 0;
}

static bool anything_left(void)
{
	return s.in.len > s.said;
}

/* All is well again: what can still be done, is done. */
static void calm_down(void)
{
	memory.until = 0;
	memio_short_reads(0);
	slow_down(0);
	for (int i = 0; i < CLIENTS; i++)
		if (s.visitors[i].c && !(s.visitors[i].left && !s.visitors[i].calm))
			memio_client_window(s.visitors[i].c, SIZE_MAX);
	for (int i = 0; i < 8; i++)
		step(0);
	for (int i = 0; i < s.n; i++)
		if (s.exchanges[i].req) {
			if (!s.exchanges[i].begun)
				(void)reply(&s.exchanges[i]);
			if (s.exchanges[i].req)
				(void)end(&s.exchanges[i]);
			step(0);
		}
	for (int i = 0; i < 8; i++)
		step(0);
}

static void judge(void)
{
	for (int i = 0; i < CLIENTS; i++) {
		const struct visitor *v = &s.visitors[i];
		size_t len;
		const char *octets;

		if (!v->c)
			continue;
		octets = memio_client_received(v->c, &len);
		fuzz_assert_replies(s.exchanges, s.n, i, (const uint8_t *)octets, len,
		                    s.calm && v->calm, s.marks);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memio_reset();
	memset(&memory, 0, sizeof memory);
	memset(s.visitors, 0, sizeof s.visitors);
	s.in = fuzz_input(data, size);
	s.said = 0;
	s.loop = NULL;
	s.server = NULL;
	s.n = s.inside = 0;
	s.calm = s.marks = true;
	s.slow = false;
	if (open_all()) {
		for (int i = 0; i < CALLS && anything_left(); i++)
			happen();
		calm_down();
		judge();
	}
	weir_loop_free(s.loop);
	assert(memory.blocks == 0 && memory.octets == 0);
	assert(memio_open_fds() == 0);
	assert(memio_misuse() == NULL);
	return 0;
}
