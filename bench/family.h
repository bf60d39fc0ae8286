/* family.h: which processes descend from one? On systems with /proc. */
#ifndef WEIR_BENCH_FAMILY_H
#define WEIR_BENCH_FAMILY_H

#include <stdint.h>

/* Calls it with that process and each that descends from it. */
void family_each(int64_t pid, void (*call)(int64_t pid, void *arg), void *arg);

#endif
