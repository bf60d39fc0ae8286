/*
 * meter.h: what did it cost? Processor time of a process, as its kernel accounts for it, and what
 * every measuring program needs besides.
 */
#ifndef WEIR_BENCH_METER_H
#define WEIR_BENCH_METER_H

#include <stdint.h>

/* Nanoseconds of a clock that never goes back. */
int64_t meter_now(void);
/* Nanoseconds of processor time of this process: for steps without waiting, since others may be
   running here. */
int64_t meter_busy(void);

/* Processor time in seconds; of a process that is this one (pid 0) or another, all its threads. */
struct meter_cpu {
	double user, system;
};
/* Where the system does not tell (no /proc), or there is no such process: both are < 0. */
struct meter_cpu meter_cpu(int64_t pid);

/* Lets this process have as many descriptors as the system allows; how many that is. */
int64_t meter_raise_limit(void);

/* Says what failed, and why (errno), in the name of the program, and exits with 1. */
void meter_die(const char *what);

#endif
