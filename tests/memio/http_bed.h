/*
 * http_bed.h: an HTTP server over the kernel in memory, and what its tests do and ask again
 * and again. A test says what clients send and how much time passes, and asks what they
 * received and what the application was told; each begins with a fresh kernel and ends with
 * nothing lost.
 *
 * Time stands still unless the test lets it pass.
 */
#ifndef WEIR_TESTS_MEMIO_HTTP_BED_H
#define WEIR_TESTS_MEMIO_HTTP_BED_H

#include "tests/support/test.h"

#include <weir_http.h>

#include "tests/memio/memio.h"

#define HELLO "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
/* The field line of the clock that stands still. */
#define BED_DATE "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"

extern struct bed {
	struct test_alloc alloc;
	weir_loop *loop; /* a test that frees it sets this to NULL */
	weir_server *server;
	const char *address; /* where it listens; NULL: 127.0.0.1:80 */
	weir_handler *handler;
	void *arg;    /* what the handler must be given */
	int requests; /* handed to it */
	/* What the callbacks below were told. */
	weir_req *req; /* the last one that was kept */
	int ends, drains, eofs, gones, why;
	int inside, deepest; /* callbacks that run, one inside another */
} bed;

/* ---- a test ---- */

#define HTTP_TEST(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
/* Of cmocka; also to begin again within a test. The teardown frees the loop and fails if
   anything is left, or if one callback ran inside another. */
int bed_setup(void **state);
int bed_teardown(void **state);

/* A loop and a server; of the options, which may be NULL, all but `request` count. Without an
   `arg` it is &bed. < 0: something failed. */
int bed_try_serve(weir_handler *handler, const weir_server_opts *opts);
/* The same, which must succeed. */
void bed_serve(weir_handler *handler, const weir_server_opts *opts);

/*
 * Calls play(arg) again and again, each time in a fresh bed in which one more allocation is
 * refused, alone or with all later ones, until none was. play must not insist on success; the
 * last time, it has it.
 */
void bed_every_allocation_fails(void (*play)(void *arg), void *arg);

/* ---- an application ---- */

/* Handlers: says "Hello World"; says what it was asked for; keeps the request in bed.req; and
   watches it; and reads its body, which is dropped. */
void bed_hello(weir_req *req, void *arg);
void bed_target(weir_req *req, void *arg);
void bed_keep(weir_req *req, void *arg);
void bed_watch(weir_req *req, void *arg);
void bed_read(weir_req *req, void *arg);

/* Callbacks of requests, which count; data uses all, the last ends the reply. */
size_t bed_on_data(weir_req *req, const char *data, size_t len, void *arg);
void bed_on_end(weir_req *req, void *arg);
void bed_on_drain(weir_req *req, void *arg);
void bed_on_eof(weir_req *req, void *arg);
void bed_on_gone(weir_req *req, int why, void *arg);
void bed_on_gone_end(weir_req *req, int why, void *arg);

/* What a callback of the test's own calls first and last. The handler is one of the bed's. */
void bed_enter(void);
void bed_leave(void);

/* Whether a str is there and is the text. */
bool bed_is(weir_str str, const char *text);

/* ---- time ---- */

/* So many turns without waiting. */
void bed_turns(int turns);
/* The same until everything that can happen now has. */
void bed_settle(void);
/* The same while so many milliseconds pass. */
void bed_pass(int64_t ms);

/* ---- clients ---- */

/* A client that was accepted; from 127.0.0.1, or from another address ("10.0.0.1", "[::1]"). */
memio_client *bed_client(void);
memio_client *bed_client_from(const char *address);
/* It sends the text, and what can happen happens. */
void bed_sends(memio_client *c, const char *text);
/* A client of its own that has sent the text. */
memio_client *bed_sent(const char *text);
/* It ends its side. Fails unless that ends the connection. */
void bed_finishes(memio_client *c);
/* One exchange on a kept connection, of which nothing is remembered. Fails unless it is
   answered at once. */
void bed_exchange(memio_client *c);

/* What it received, and has not forgotten. */
const char *bed_received(const memio_client *c);
/* How often that has the text in it. */
size_t bed_count(const memio_client *c, const char *text);
/* The status that it begins with; 0: none. */
int bed_status(const memio_client *c);
/* Fails unless that is this one. */
void bed_assert_status(const memio_client *c, int status);
/* Fails unless, or if, it has the text in it. */
void bed_assert_has(const memio_client *c, const char *text);
void bed_assert_lacks(const memio_client *c, const char *text);

#endif
