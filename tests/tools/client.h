/*
 * What the client programs share: addresses, clocks, options, and what the
 * system says of the server's process. Plain POSIX sockets and poll(2), nothing
 * of weir: the clients are witnesses of their own.
 */
#ifndef WEIR_TESTS_TOOLS_CLIENT_H
#define WEIR_TESTS_TOOLS_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct address {
	struct sockaddr_storage storage;
	socklen_t size;
};

/* Ends the program with status 1 and a line that says why. */
_Noreturn void fail(const char *format, ...);

/* An option --NAME=VALUE that a program knows; value is its default. */
struct option {
	const char *name;
	int64_t value;
};

/*
 * Reads `ADDRESS [--NAME=VALUE …]`. Values are numbers, also with K, M or G (powers of 1024); an
 * option without a value is 1. The table ends with a NULL name; what is not in it ends the program
 * with status 2.
 */
void read_arguments(int argc, char **argv, struct address *to, struct option *options);

/* The value of an option of the table. */
int64_t option(const struct option *options, const char *name);

/* A monotonic clock in microseconds. */
int64_t now_us(void);

/* Makes the program end, with a message, after so many seconds. */
void watchdog(unsigned seconds);

/* Asks for n descriptors and a few, and fails without them. */
void need_descriptors(int n);

/* Raises the limit of descriptors as far as it may be, and says how many there are. */
int64_t all_descriptors(void);

/* Begins to connect; never blocks. Fails only on want of descriptors. */
int dial(const struct address *to);

/* The same from an address of one's own, or from any (NULL): the descriptor, or -errno. */
int try_dial(const struct address *to, const struct address *from);

/* The error that a socket has met (0: none), read once. */
int socket_error(int fd);

/* send and recv, -errno instead of errno, without SIGPIPE; recv: 0 is the end. */
int64_t send_some(int fd, const void *data, size_t len);
int64_t receive_some(int fd, void *data, size_t size);

/* Octets of memory that only this process has and has written to; -1 where nothing tells. */
int64_t private_octets(pid_t pid);

/* Processor time that a process has used, in microseconds; -1 where nothing tells. */
int64_t processor_us(pid_t pid);

/*
 * One reply, recognised as far as it has come. Parsing is plain and strict on
 * what weir sends: one status line, fields, then a body by length.
 */
struct reply {
	int status;
	size_t head; /* octets, with the empty line */
	size_t body; /* octets; chunked: as it came, not used */
	int chunked, close;
};

/* 1: all of the head is there; 0: not yet; -1: it is not a head of HTTP/1.1. */
int read_reply(struct reply *reply, const char *data, size_t len);

/* Times in microseconds, counted in classes that are 100 wide. */
struct latencies {
	uint32_t class[200000];
	uint64_t count;
	int64_t max;
};

void note_latency(struct latencies *all, int64_t us);

/* The time, in microseconds, that so many thousandths do not pass. */
int64_t quantile(const struct latencies *all, unsigned thousandths);

#endif
