/*
 * served.h: an HTTP server over the kernel in memory, and what its tests do and ask
 * again and again. One at a time: its test sets it up (served_setup) and fails if the server,
 * its loop or a connection leaves anything behind.
 */
#ifndef WEIR_TESTS_MEMIO_SERVED_H
#define WEIR_TESTS_MEMIO_SERVED_H

#include "tests/support/test.h"

#include "http/conn.h"
#include "tests/memio/memio.h"

#define HELLO "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

extern struct served {
	struct test_alloc alloc;
	weir_loop *loop;
	weir_server *server; /* a test that frees it sets this to NULL, or leaves it alone */
	int requests;        /* handed to the handlers of this file */
	weir_req *req;       /* the last one that served_keep has kept */
	int gones, why;      /* of requests that were kept */
} served;

int served_setup(void **state);
int served_teardown(void **state);

/* A server on 127.0.0.1:80 with these options; NULL: all defaults. `request` is served_hello
   unless they name another. */
void served_open(const weir_server_opts *opts);
/* The same, but running out of memory is not the test's failure: < 0. */
int served_try_open(const weir_server_opts *opts);

/* Handlers: says "Hello World"; says what it was asked for; keeps the request in served.req,
   with its body unread, or as it comes, which is dropped. */
void served_hello(weir_req *req, void *arg);
void served_target(weir_req *req, void *arg);
void served_keep(weir_req *req, void *arg);
void served_read(weir_req *req, void *arg);

/* Turns without waiting, until everything that can happen now has. */
void served_settle(void);
/* Time passes. */
void served_pass(int64_t ms);

/* A client of the server, from 127.0.0.1 or another address (no port: "10.0.0.1", "[::1]"). */
memio_client *served_client(void);
memio_client *served_client_from(const char *address);
/* Sends, and has it arrive. */
void served_sends(memio_client *c, const char *text);
const char *served_received(const memio_client *c);
/* How often it received that. */
size_t served_count(const memio_client *c, const char *what);
/* The first, or only, status that it received. Fails if there is none. */
int served_status(const memio_client *c);
/* Asks on a kept connection, and forgets the reply. Fails unless it was answered at once. */
void served_asks(memio_client *c);

#endif
