/* What was asked for? */
#include "config.h"

#include "bench/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *option_value(const char *argument, const char *name)
{
	const size_t len = strlen(name);

	return !strncmp(argument, name, len) && argument[len] == '=' ? argument + len + 1 : NULL;
}

int64_t option_parse(const char *text, int64_t least, int64_t most)
{
	char *end;

	errno = 0;

	const long long n = strtoll(text, &end, 10);

	if (end == text || *end || errno || n < least || n > most) {
		fprintf(stderr, "\"%s\" is no number from %" PRId64 " to %" PRId64 "\n", text,
		        least, most);
		exit(2);
	}
	return n;
}

bool option_number(const char *argument, const char *name, int64_t least, int64_t most,
                   int64_t *number)
{
	const char *value = option_value(argument, name);

	if (value)
		*number = option_parse(value, least, most);
	return value;
}
