/*
 * fixture.c: reads a fixture file.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"

static char fault[1200];

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
		const char *why;

		if (!equals)
			return "a setting without a value";
		*equals = '\0';
		why = set(f, word, equals + 1);
		if (why)
			return why;
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

const char *fixture_octets(struct fixture *f, const char *at, const char *end)
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
	const char *why;

	while (*text == '#' || *text == '@') {
		end = strchr(text, '\n');
		if (!end)
			return "nothing but comments";
		why = *text == '@' ? read_settings(f, text, end) : NULL;
		if (why)
			return why;
		text = end + 1;
	}
	end = strncmp(text, "---\n", 4) ? strstr(text, "\n---\n") : text - 1;
	if (!end)
		return "no line ---";
	f->expected = malloc(strlen(end + 5) + 1);
	if (!f->expected)
		return "no memory";
	strcpy(f->expected, end + 5);
	return fixture_octets(f, text, end);
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

/* ---- all of them ---- */

static size_t each_in(const char *folder, bool responses, fixture_fn *each)
{
	DIR *dir = opendir(folder);
	size_t n = 0;

	for (struct dirent *entry; dir && !*fault && (entry = readdir(dir));) {
		const char *dot = strrchr(entry->d_name, '.');
		char path[1024];
		struct fixture f;

		if (!dot || strcmp(dot, ".http") != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (fixture_read(&f, path)) {
			f.how.response = responses;
			each(path, &f);
		} else {
			snprintf(fault, sizeof fault, "%s: %s", path, f.fault);
		}
		fixture_free(&f);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* `fewest`: there were so many when this was written. */
static const char *each_of(const char *kind, const char *const *folders, size_t fewest,
                           fixture_fn *each)
{
	const char *root = getenv("WEIR_SRCDIR");
	size_t all = 0;

	*fault = '\0';
	for (; !*fault && *folders; folders++) {
		char path[512];
		size_t n;

		snprintf(path, sizeof path, "%s/tests/fixtures/%s/%s", root ? root : ".", kind,
		         *folders);
		n = each_in(path, !strcmp(kind, "responses"), each);
		if (n == 0)
			snprintf(fault, sizeof fault,
			         "no fixture in %s (WEIR_SRCDIR says where the source is)", path);
		all += n;
	}
	if (!*fault && all < fewest)
		snprintf(fault, sizeof fault, "only %zu %s; some are missing", all, kind);
	return *fault ? fault : NULL;
}

const char *fixture_each(fixture_fn *each)
{
	static const char *const folders[] = {"request-line", "methods",    "targets", "fields",
	                                      "host",         "framing",    "chunked", "trailers",
	                                      "limits",       "connection", "expect",  "pipelining",
	                                      "closed",       NULL};

	return each_of("requests", folders, 500, each);
}

const char *fixture_each_response(fixture_fn *each)
{
	static const char *const folders[] = {"status-line", "interim", "bodyless", "framing",
	                                      "until-close", "fields",  "limits",   "connection",
	                                      "closed",      NULL};

	return each_of("responses", folders, 200, each);
}
