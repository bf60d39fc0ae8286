/* What has the server cost? Processor time of a process and, if asked for, all below it. */
#include "config.h"

#include "bench/load.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More are not looked at. */
#define MAX_PROCESSES 32768

struct process {
	int64_t pid, parent;
	bool below;
};

static int64_t parent_of(int64_t pid)
{
	char path[64], text[1024];
	long long parent = -1;

	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);

	FILE *file = fopen(path, "r");

	if (!file)
		return -1;

	const char *line = fgets(text, sizeof text, file);
	/* The name before it may hold anything, but ends with ')'. */
	const char *behind = line ? strrchr(line, ')') : NULL;

	fclose(file);
	if (!behind || sscanf(behind + 1, " %*c %lld", &parent) != 1)
		return -1;
	return parent;
}

/* All processes there are; how many. */
static size_t list_processes(struct process *list)
{
	DIR *folder = opendir("/proc");
	const struct dirent *entry;
	size_t n = 0;

	if (!folder)
		return 0;
	while (n < MAX_PROCESSES && (entry = readdir(folder)) != NULL) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		list[n].pid = atoll(entry->d_name);
		list[n].parent = parent_of(list[n].pid);
		list[n++].below = false;
	}
	closedir(folder);
	return n;
}

static bool is_below(const struct process *list, size_t n, int64_t pid, int64_t root)
{
	if (pid == root)
		return true;
	for (size_t i = 0; i < n; i++)
		if (list[i].pid == pid)
			return list[i].below;
	return false;
}

/* Marks those below the root, a generation in each round. */
static void mark(struct process *list, size_t n, int64_t root)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n; i++)
			if (!list[i].below && is_below(list, n, list[i].parent, root))
				list[i].below = more = true;
	}
}

static void add(struct meter_cpu *sum, struct meter_cpu cpu)
{
	if (cpu.user < 0)
		return;
	sum->user += cpu.user;
	sum->system += cpu.system;
}

struct meter_cpu load_server_cpu(const struct load_options *o)
{
	struct meter_cpu sum = {-1, -1};

	if (o->pid)
		sum = meter_cpu(o->pid);
	if (!o->tree || sum.user < 0)
		return sum;

	struct process *list = calloc(MAX_PROCESSES, sizeof *list);
	const size_t n = list ? list_processes(list) : 0;

	mark(list, n, o->pid);
	for (size_t i = 0; i < n; i++)
		if (list[i].below)
			add(&sum, meter_cpu(list[i].pid));
	free(list);
	return sum;
}
