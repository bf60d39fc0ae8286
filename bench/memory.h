/*
 * memory.h: what do processes take, and what does the kernel take for them? Read from /proc,
 * on Linux alone.
 */
#ifndef WEIR_BENCH_MEMORY_H
#define WEIR_BENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Of a process and all that descend from it; in octets but where it says otherwise. */
struct memory {
	int64_t own;     /* pages that one of them alone has (Private_Clean, Private_Dirty) */
	int64_t share;   /* the same with their share of pages that several have (Pss) */
	int64_t reserve; /* address space (VmSize) */
	double seconds;  /* of processors */
	int processes;
};

/* False: the system does not tell, or there is no such process. */
bool memory_of(int64_t pid, struct memory *memory);

enum { MEMORY_CACHES = 512 };

/* Of the kernel, for the whole machine, in octets. */
struct memory_kernel {
	int64_t slab;   /* objects in use, or all pages of them where only root may see objects */
	int64_t stacks; /* of threads */
	int64_t tables; /* of pages */
	bool objects;   /* slab is a sum of objects in use */
	int ncaches;
	struct memory_cache {
		char name[32];
		int64_t octets;
	} caches[MEMORY_CACHES];
};

bool memory_of_kernel(struct memory_kernel *kernel);

/* The same as soon as it no longer changes much, which it does for a while after many closes. */
bool memory_of_calm_kernel(struct memory_kernel *kernel);

/* Octets that could be had without swapping; < 0: unknown. */
int64_t memory_available(void);

#endif
