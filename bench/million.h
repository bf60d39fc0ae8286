/* million.h: can a cluster keep so many connections at once? */
#ifndef WEIR_BENCH_MILLION_H
#define WEIR_BENCH_MILLION_H

#include <stdint.h>
#include <stdio.h>

#include <weir.h>

struct million_opts {
	int64_t connections;
	int64_t workers; /* 0: as many as the limit of descriptors asks for */
	int64_t idle_ms; /* 0: 10 minutes; else all are to be closed when it has passed */
	weir_policy policy;
	FILE *tsv; /* NULL: none */
};

/* The exit status of the program: 0, 1 when anything was not as it should be, 77 when the
   system cannot have so many. */
int million_run(const struct million_opts *opts);

#endif
