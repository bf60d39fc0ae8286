/*
 * web.h: what do the tests of the server over the kernel in memory have in
 * common? A loop with counted memory, one server on 127.0.0.1:80, and clients
 * of which the test says what they send and asks what they got.
 *
 * Time stands still unless the test lets it pass.
 */
#ifndef WEIR_TESTS_MEMIO_WEB_H
#define WEIR_TESTS_MEMIO_WEB_H

#include "tests/support/test.h"

#include "http/weir_http.h"
#include "tests/memio/memio.h"

/* The date of the clock that stands still. */
#define WEB_DATE "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
#define WEB_GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

extern struct web {
	weir_loop *loop;
	weir_server *server;
	struct test_alloc alloc;
} web;

/* A test that begins with a new kernel. At its end nothing may be lost. */
#define WEB_TEST(f) cmocka_unit_test_setup_teardown(f, web_setup, web_teardown)
int web_setup(void **state);
int web_teardown(void **state);

/* Makes the loop and the server; of opts, which may be NULL, all but the handler counts. */
void web_serve(weir_handler *handler, void *arg, const weir_server_opts *opts);

/* Turns without waiting, until everything that can happen now has. */
void web_settle(void);
/* The same while so many milliseconds pass. */
void web_pass(int64_t ms);

/* A client that was accepted. */
memio_client *web_client(void);
/* It sends the text, and what can happen happens. */
void web_send(memio_client *c, const char *text);
/* A client of its own for one text. */
memio_client *web_ask(const char *text);
/* What it received, and has not forgotten. */
const char *web_got(const memio_client *c);

/* How often a text occurs. */
size_t web_count(const char *text, const char *what);
/* Fails unless what the client got begins with this status. */
void web_assert_status(const memio_client *c, int status);
/* Fails unless, or if, what the client got has the text in it. */
void web_assert_has(const memio_client *c, const char *what);
void web_assert_lacks(const memio_client *c, const char *what);

/* Whether a str is the text. */
bool web_is(weir_str str, const char *text);

#endif
