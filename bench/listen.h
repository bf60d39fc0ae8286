/*
 * listen.h: where do the servers of bench/ listen, and how do they end?
 *
 * They do as tests/examples/hello does: the first line on standard output is
 * `NAME: listening on 127.0.0.1:PORT`, and SIGTERM or SIGINT ends them with
 * status 0. What fails is said, and ends the program with 1.
 */
#ifndef WEIR_BENCH_LISTEN_H
#define WEIR_BENCH_LISTEN_H

/* The address when none is given. */
#define LISTEN_DEFAULT "127.0.0.1:1337"

/*
 * A listening socket on an IPv4 address and port; port 0 is any that is free. Its connections
 * inherit TCP_NODELAY. backlog 0: as many as the system allows.
 */
int listen_on(const char *address, int backlog);

/* Says where, in the name of the program. */
void listen_say(const char *name, int fd);

/* From now on SIGTERM and SIGINT end the process at once, and a peer that has left does not. */
void listen_until_signal(void);

/*
 * The same for a thread or process that has others do its work: it is asked to end while it waits
 * here, and so is told when a child of it ends (SIGCHLD). Hold signals before others begin; they are
 * held for those as well.
 */
void listen_hold_signals(void);
int listen_await_signal(void);

#endif
