/*
 * http_bed.h: a server over the kernel in memory, for tests of what it promises.
 * Each test begins with no loop and no server and ends with nothing lost.
 */
#ifndef WEIR_TESTS_MEMIO_HTTP_BED_H
#define WEIR_TESTS_MEMIO_HTTP_BED_H

#include "tests/support/test.h"

#include <weir_http.h>

#include "tests/memio/memio.h"

/* What the bed's date is, as a field line. */
#define BED_DATE "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"

extern struct test_alloc bed_alloc;
extern weir_loop *bed_loop;
extern weir_server *bed_server;
/* How many callbacks run; an application's callbacks say when they begin and end. */
extern int bed_inside, bed_deepest;

void bed_enter(void);
void bed_leave(void);

/* Of cmocka; also to play a scene again within a test. */
int bed_set_up(void **state);
int bed_tear_down(void **state);

#define BED(f) cmocka_unit_test_setup_teardown(f, bed_set_up, bed_tear_down)

/* A loop and a server on 127.0.0.1:80 that calls opts->request. < 0: something failed. */
int bed_open(const weir_server_opts *opts);
/* The same, which must succeed. */
void bed_given(const weir_server_opts *opts);
/* Turns without waiting, until everything that can happen now has. */
void bed_settle(void);
/* The same for so many virtual milliseconds. */
void bed_pass(int64_t ms);
memio_client *bed_connected(void);
void bed_sends(memio_client *c, const char *text);
const char *bed_received(memio_client *c);
/* How often `what` is in the text. */
size_t bed_count(const char *text, const char *what);

/*
 * Calls play again and again, each time in a fresh bed in which one more allocation is
 * refused, alone or with all later ones, until none was. play must not insist on success.
 */
void bed_every_allocation_fails(void (*play)(void));

#endif
