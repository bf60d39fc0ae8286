/* subject.h: which server is measured? weir's own, one that a command starts, or one that runs. */
#ifndef WEIR_BENCH_SUBJECT_H
#define WEIR_BENCH_SUBJECT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

/* Zeroed: weir's own, which serves /wait (no reply comes), /events (a reply that has begun) and
   all else ("Hello World\n"). */
struct subject_opts {
	const char *command; /* its first line says "listening on ADDRESS", unless there is one */
	const char *address;
	pid_t pid; /* runs already */
};

struct subject {
	pid_t pid;
	bool started; /* ... here */
	bool group;   /* a process group of its own */
	struct sockaddr_in address;
};

/* Exits with 1 when it does not come up. */
void subject_start(struct subject *subject, const struct subject_opts *opts);
/* Ends it if it was started here. */
void subject_end(const struct subject *subject);

#endif
