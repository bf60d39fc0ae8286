/*
 * fixture.c: reads a fixture file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"

/* The octets of a file with a NUL behind; NULL if it cannot be read. */
static char *slurp(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	long size;

	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
		rewind(file);
		text = calloc((size_t)size + 1, 1);
		if (text && fread(text, 1, (size_t)size, file) != (size_t)size) {
			free(text);
			text = NULL;
		}
	}
	fclose(file);
	return text;
}

static const char *set_limit(weir_limits *limits, const char *name, const char *value)
{
	const unsigned long long n = strtoull(value, NULL, 10);

	if (!strcmp(name, "body"))
		limits->body = n;
	else if (!strcmp(name, "head"))
		limits->head = (uint32_t)n;
	else if (!strcmp(name, "target"))
		limits->target = (uint32_t)n;
	else if (!strcmp(name, "chunk_line"))
		limits->chunk_line = (uint32_t)n;
	else if (!strcmp(name, "chunk_ext"))
		limits->chunk_ext = (uint32_t)n;
	else if (!strcmp(name, "trailer"))
		limits->trailer = (uint32_t)n;
	else if (!strcmp(name, "fields"))
		limits->fields = (uint16_t)n;
	else if (!strcmp(name, "trailers"))
		limits->trailers = (uint16_t)n;
	else
		return "an unknown setting";
	return NULL;
}

static const char *set(struct fixture *f, const char *name, const char *value)
{
	if (!strcmp(name, "answers"))
		return eventlog_answers(&f->how, value) ? NULL : "not a list of methods";
	if (!strcmp(name, "closed")) {
		f->how.closed = !strcmp(value, "1");
		return f->how.closed ? NULL : "closed is not 1";
	}
	return set_limit(&f->limits, name, value);
}

/* "@ name=value name=value" up to `end`. */
static const char *read_settings(struct fixture *f, char *line, char *end)
{
	*end = '\0';
	for (char *word = strtok(line + 1, " "); word; word = strtok(NULL, " ")) {
		char *equals = strchr(word, '=');
		const char *fault;

		if (!equals)
			return "a setting without a value";
		*equals = '\0';
		fault = set(f, word, equals + 1);
		if (fault)
			return fault;
	}
	return NULL;
}

static bool add(struct fixture *f, uint8_t octet)
{
	if ((f->len & (f->len + 1)) == 0) {
		uint8_t *more = realloc(f->octets, 2 * (f->len + 1));

		if (!more)
			return false;
		f->octets = more;
	}
	f->octets[f->len++] = octet;
	return true;
}

/* One octet, plain or escaped. Returns what is behind it, NULL if it is none. */
static const char *read_octet(struct fixture *f, const char *at)
{
	static const char escapes[] = "rnt\\", meant[] = "\r\n\t\\";
	const char *known;
	char digits[3] = {0};
	char *end;

	if (*at != '\\')
		return add(f, (uint8_t)*at) ? at + 1 : NULL;
	if (at[1] == 'x' && at[2] && at[3]) {
		const unsigned long octet = strtoul(memcpy(digits, at + 2, 2), &end, 16);

		return end == digits + 2 && add(f, (uint8_t)octet) ? at + 4 : NULL;
	}
	known = at[1] ? strchr(escapes, at[1]) : NULL;
	return known && add(f, (uint8_t)meant[known - escapes]) ? at + 2 : NULL;
}

/* "\{N*text}" */
static const char *read_repeat(struct fixture *f, const char *at)
{
	char *text;
	const unsigned long times = strtoul(at + 2, &text, 10);
	const char *end = NULL;

	if (*text++ != '*')
		return NULL;
	for (unsigned long i = 0; i < times; i++)
		for (end = text; *end != '}';)
			if (!*end || !(end = read_octet(f, end)))
				return NULL;
	return end ? end + 1 : NULL;
}

static const char *read_octets(struct fixture *f, const char *at, const char *end)
{
	while (at < end) {
		if (*at == '\n')
			at++;
		else if (at[0] == '\\' && at[1] == '{')
			at = read_repeat(f, at);
		else
			at = read_octet(f, at);
		if (!at)
			return "a malformed escape";
	}
	return NULL;
}

static const char *read_text(struct fixture *f, char *text)
{
	char *end;
	const char *fault;

	while (*text == '#' || *text == '@') {
		end = strchr(text, '\n');
		if (!end)
			return "nothing but comments";
		fault = *text == '@' ? read_settings(f, text, end) : NULL;
		if (fault)
			return fault;
		text = end + 1;
	}
	end = strncmp(text, "---\n", 4) ? strstr(text, "\n---\n") : text - 1;
	if (!end)
		return "no line ---";
	f->expected = malloc(strlen(end + 5) + 1);
	if (!f->expected)
		return "no memory";
	strcpy(f->expected, end + 5);
	return read_octets(f, text, end);
}

bool fixture_read(struct fixture *f, const char *path)
{
	char *text = slurp(path);

	*f = (struct fixture){.fault = "cannot be read"};
	if (text)
		f->fault = read_text(f, text);
	free(text);
	return !f->fault;
}

void fixture_free(struct fixture *f)
{
	free(f->octets);
	free(f->expected);
}
