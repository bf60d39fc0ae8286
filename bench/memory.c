/* What processes take, and the kernel for them. */
#include "config.h"

#include "bench/memory.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/family.h"
#include "bench/meter.h"

/* The value of the line "name: N kB" in octets, of lines of that name the sum; or -1. */
static int64_t amount(const char *path, const char *name)
{
	const size_t len = strlen(name);
	int64_t sum = -1;
	char line[256];
	long long kib;
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, name, len) && sscanf(line + len, ": %lld kB", &kib) == 1)
			sum = (sum < 0 ? 0 : sum) + kib * 1024;
	fclose(file);
	return sum;
}

/* ---- processes ---- */

/* One that has just ended counts nothing. */
static void add_process(int64_t pid, void *arg)
{
	struct memory *sum = arg;
	char path[64];

	snprintf(path, sizeof path, "/proc/%lld/smaps_rollup", (long long)pid);

	const int64_t clean = amount(path, "Private_Clean"), dirty = amount(path, "Private_Dirty"),
		      share = amount(path, "Pss");

	snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);

	const int64_t reserve = amount(path, "VmSize");
	const struct meter_cpu cpu = meter_cpu(pid);

	if (cpu.user < 0 || clean < 0 || dirty < 0 || share < 0 || reserve < 0)
		return;
	sum->own += clean + dirty;
	sum->share += share;
	sum->reserve += reserve;
	sum->seconds += cpu.user + cpu.system;
	sum->processes++;
}

bool memory_of(int64_t pid, struct memory *memory)
{
	*memory = (struct memory){0};
	family_each(pid, add_process, memory);
	return memory->processes > 0;
}

/* ---- the kernel ---- */

/* "name active_objs num_objs objsize ...". Reading /proc takes some, too: those do not count. */
static void add_cache(struct memory_kernel *kernel, const char *line)
{
	struct memory_cache *cache = &kernel->caches[kernel->ncaches];
	unsigned long long active, size;

	if (kernel->ncaches == MEMORY_CACHES ||
	    sscanf(line, "%31s %llu %*u %llu", cache->name, &active, &size) != 3 ||
	    !strcmp(cache->name, "proc_inode_cache"))
		return;
	cache->octets = (int64_t)(active * size);
	kernel->slab += cache->octets;
	kernel->ncaches++;
}

static void read_caches(struct memory_kernel *kernel)
{
	char line[512];
	FILE *file = fopen("/proc/slabinfo", "r");

	if (!file)
		return;
	while (fgets(line, sizeof line, file))
		add_cache(kernel, line);
	fclose(file);
}

bool memory_of_kernel(struct memory_kernel *kernel)
{
	const char *info = "/proc/meminfo";

	*kernel = (struct memory_kernel){.stacks = amount(info, "KernelStack"),
	                                 .tables = amount(info, "PageTables")};
	read_caches(kernel);
	kernel->objects = kernel->ncaches > 0;
	if (!kernel->objects)
		kernel->slab = amount(info, "Slab");
	return kernel->slab >= 0 && kernel->stacks >= 0 && kernel->tables >= 0;
}

static int64_t sum(const struct memory_kernel *kernel)
{
	return kernel->slab + kernel->stacks + kernel->tables;
}

bool memory_of_calm_kernel(struct memory_kernel *kernel)
{
	enum { TRIES = 30, CALM = 64 * 1024 };
	int64_t last = -1;

	for (int i = 0; i < TRIES; i++) {
		if (!memory_of_kernel(kernel))
			return false;
		if (last >= 0 && sum(kernel) - last <= CALM && last - sum(kernel) <= CALM)
			break;
		last = sum(kernel);
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	return true;
}

int64_t memory_available(void)
{
	return amount("/proc/meminfo", "MemAvailable");
}
