/* What has the server cost? Processor time of a process and, if asked for, all below it. */
#include "config.h"

#include "bench/family.h"
#include "bench/load.h"

static void add(int64_t pid, void *arg)
{
	const struct meter_cpu cpu = meter_cpu(pid);
	struct meter_cpu *sum = arg;

	if (cpu.user < 0)
		return;
	sum->user += cpu.user;
	sum->system += cpu.system;
}

struct meter_cpu load_server_cpu(const struct load_options *o)
{
	const struct meter_cpu own = o->pid ? meter_cpu(o->pid) : (struct meter_cpu){-1, -1};
	struct meter_cpu sum = {0, 0};

	if (!o->tree || own.user < 0)
		return own;
	family_each(o->pid, add, &sum);
	return sum;
}
