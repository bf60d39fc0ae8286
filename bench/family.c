/* Who is whose parent, as /proc has it at one moment. */
#include "config.h"

#include "bench/family.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/meter.h"

/* More are not looked at. */
enum { MOST_PROCESSES = 32768 };

struct relation {
	int64_t pid, parent;
	bool in; /* it descends from the one that is asked for, or is that */
};

/* The name in /proc/PID/stat may hold anything, but ends with the last ')'. */
static int64_t parent_of(int64_t pid)
{
	char path[64], text[1024];
	long long parent;

	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);

	FILE *file = fopen(path, "r");

	if (!file)
		return -1;

	const char *line = fgets(text, sizeof text, file);
	const char *behind = line ? strrchr(line, ')') : NULL;

	fclose(file);
	return behind && sscanf(behind + 1, " %*c %lld", &parent) == 1 ? parent : -1;
}

static int list_processes(struct relation *list, int64_t root)
{
	DIR *folder = opendir("/proc");
	const struct dirent *entry;
	int n = 0;

	while (folder && n < MOST_PROCESSES && (entry = readdir(folder))) {
		const int64_t pid = strtoll(entry->d_name, NULL, 10);

		if (pid > 0)
			list[n++] = (struct relation){pid, parent_of(pid), pid == root};
	}
	if (folder)
		closedir(folder);
	return n;
}

static bool is_in(const struct relation *list, int n, int64_t pid)
{
	for (int i = 0; i < n; i++)
		if (list[i].pid == pid)
			return list[i].in;
	return false;
}

/* As many passes as there are generations. */
static void mark_descendants(struct relation *list, int n)
{
	for (bool more = true; more;) {
		more = false;
		for (int i = 0; i < n; i++)
			if (!list[i].in && is_in(list, n, list[i].parent))
				list[i].in = more = true;
	}
}

void family_each(int64_t pid, void (*call)(int64_t pid, void *arg), void *arg)
{
	struct relation *list = calloc(MOST_PROCESSES, sizeof *list);

	if (!list)
		meter_die("memory for a list of processes");

	const int n = list_processes(list, pid);

	mark_descendants(list, n);
	for (int i = 0; i < n; i++)
		if (list[i].in)
			call(list[i].pid, arg);
	free(list);
}
