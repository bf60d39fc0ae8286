/*
 * What does the parser tell of each fixture? Prints all their logs, those of requests first,
 * each line behind the name of its fixture, so that the lines of two processors can be compared.
 * In the order in which the folders have them: sort it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"

static void print_log(const char *name, const struct fixture *f)
{
	struct eventlog_input in = f->how;
	const char *folder = strstr(name, "/fixtures/");
	char *log, *rest;

	in.octets = f->octets;
	in.len = f->len;
	in.limits = &f->limits;
	log = eventlog_octets(&in);
	if (!log) {
		fprintf(stderr, "fixture-events: out of memory\n");
		exit(1);
	}
	rest = log;
	for (int n = 1; *rest; n++) {
		char *end = strchr(rest, '\n');

		if (end)
			*end = '\0';
		printf("%s:%04d: %s\n", folder ? folder + 10 : name, n, rest);
		rest = end ? end + 1 : rest + strlen(rest);
	}
	free(log);
}

int main(void)
{
	const char *fault = fixture_each(print_log);

	if (!fault)
		fault = fixture_each_response(print_log);
	if (fault)
		fprintf(stderr, "fixture-events: %s\n", fault);
	return fault || fflush(stdout) != 0;
}
