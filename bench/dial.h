/* dial.h: a client that takes one step after the other, as many connections as are wanted. */
#ifndef WEIR_BENCH_DIAL_H
#define WEIR_BENCH_DIAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* "127.0.0.1:80"; port 0 is one, too. False: it is none. */
bool dial_address(struct sockaddr_in *to, const char *text);

/* Binds a socket to that address (127.0.0.5 is 0x7f000005), and leaves the port to connect, which
   knows that other destinations may have the same. 0, or -1 with errno. */
int dial_from(int fd, uint32_t source);

/* Connects from that address, 0 being any: its descriptor, or -errno.
   No step of the connection takes longer than 10 s. */
int dial_open(const struct sockaddr_in *to, uint32_t source);

/* Sends it all: 0 or -errno. */
int dial_say(int fd, const char *data, size_t len);

/*
 * Reads a reply of less than 16 KiB to its end or, if it says no Content-Length, to the end of its
 * head; its content, as far as it fits, is left in body as a string (NULL with size 0: nowhere).
 * The status, or -errno; -EPROTO: it is no reply, not complete, or more has come.
 */
int dial_hear(int fd, char *body, size_t size);

/* Ends it by a reset, so that neither kernel has to remember it. */
void dial_drop(int fd);

#endif
