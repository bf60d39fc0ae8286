/*
 * The recorder of the conformance tests: see conform_trace.h.
 */
#include "tests/backend/conform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/backend/conform_trace.h"

enum { SCENARIOS = 400, LINE = 512, NUMBERS = 1 << 15 };

struct scenario {
	const char *name;
	char *text; /* lines, each with a tab before and a newline behind */
	size_t len;
	const char *skipped; /* why, or NULL */
	bool known;          /* the file has it */
};

static struct scenario all[SCENARIOS];
static int count;
static bool paused;
static short place[NUMBERS]; /* 3 for the descriptor that is named #3; 0: it has no name yet */
static short places;

const char *trace_mask(unsigned mask)
{
	static const char *const names[] = {"nothing", "in", "out", "in+out"};

	return names[mask & (WEIR__IN | WEIR__OUT)];
}

const char *trace_error(int number)
{
	static const struct {
		int number;
		const char *name;
	} errors[] = {
		{EACCES, "EACCES"},         {EAGAIN, "EAGAIN"},
		{EBADF, "EBADF"},           {ECONNREFUSED, "ECONNREFUSED"},
		{ECONNRESET, "ECONNRESET"}, {EIO, "EIO"},
		{EMFILE, "EMFILE"},         {ENOENT, "ENOENT"},
		{ENOMEM, "ENOMEM"},         {EPIPE, "EPIPE"},
		{ETIMEDOUT, "ETIMEDOUT"},
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].number == number)
			return errors[i].name;
	return "an error";
}

void trace_begin(const char *name)
{
	assert_true(count < SCENARIOS);
	all[count++] = (struct scenario){.name = name};
	memset(place, 0, sizeof(place));
	places = 0;
	paused = false;
}

void trace(const char *format, ...)
{
	struct scenario *s = &all[count - 1];
	char line[LINE];
	va_list ap;

	if (paused || count == 0)
		return;
	va_start(ap, format);
	int n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	assert_in_range(n, 1, LINE - 1);
	char *text = realloc(s->text, s->len + (size_t)n + 3);
	assert_non_null(text);
	s->text = text;
	s->len += (size_t)sprintf(text + s->len, "\t%s\n", line);
}

void trace_pause(void)
{
	paused = true;
}

void trace_resume(void)
{
	paused = false;
}

void trace_skipped(const char *why)
{
	all[count - 1].skipped = why;
}

int trace_place(int fd)
{
	assert_in_range(fd, 0, NUMBERS - 1);
	if (place[fd] == 0 && !paused)
		place[fd] = ++places;
	return place[fd];
}

const char *trace_name(int fd)
{
	static char names[4][16];
	static unsigned turn;
	char *name = names[turn++ % 4];

	if (paused)
		return "";
	if (fd < 0 || fd >= NUMBERS)
		(void)snprintf(name, sizeof(*names), "%d", fd);
	else
		(void)snprintf(name, sizeof(*names), "#%d", trace_place(fd));
	return name;
}

const char *trace_names(int first, int second)
{
	static char names[64];
	const char *a = trace_name(first);

	/* Apart: the order in which arguments are evaluated is the compiler's matter. */
	(void)snprintf(names, sizeof(names), "%s and %s", a, trace_name(second));
	return names;
}

void trace_forget(int fd)
{
	if (fd >= 0 && fd < NUMBERS)
		place[fd] = 0;
}

static const char heading[] =
	"# What the scenarios of conformance_test ask of a poller, and what every poller must "
	"answer.\n"
	"# A scenario begins with its name. Its descriptors are numbered in the order of their "
	"first\n"
	"# use; a wait lists what it reports in that order. An error counts as readiness of "
	"whatever is\n"
	"# wanted, since that is what it is to the poller's user. Compared by conformance_test on "
	"every\n"
	"# backend; written anew by running it with WEIR_CONFORMANCE_TRACE=FILE.\n";

bool trace_write(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		return false;
	(void)fputs(heading, f);
	for (int i = 0; i < count; i++) {
		(void)fprintf(f, "\n%s\n", all[i].name);
		if (all[i].skipped != NULL)
			(void)fprintf(f, "\tskipped: %s\n", all[i].skipped);
		else if (all[i].text != NULL)
			(void)fputs(all[i].text, f);
	}
	return fclose(f) == 0;
}

static struct scenario *find(const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

/* Says a line of a scenario as it is and as it should be; an empty one is the end of it. */
static void say_difference(const struct scenario *s, int number, const char *expected,
                           const char *seen)
{
	static const char end[] = "\t(it ends)\n";

	print_message("# %s differs at line %d of the trace\n", s->name, number);
	print_message("#   expected:%s", *expected != '\0' ? expected : end);
	print_message("#   seen:    %.*s\n", (int)strcspn(*seen != '\0' ? seen : end, "\n"),
	              *seen != '\0' ? seen : end);
}

/* A comparison on its way through the file. */
struct reader {
	FILE *f;
	int number;       /* of the line */
	char line[LINE];  /* the one that was read, "" at the end of the file */
	const char *seen; /* what is left of the scenario's lines */
};

static bool next_line(struct reader *r)
{
	r->number++;
	if (fgets(r->line, sizeof(r->line), r->f) == NULL)
		r->line[0] = '\0';
	return r->line[0] != '\0';
}

/* Goes through the lines of one scenario; whether they are what was seen. s is NULL for one
   that did not run. Leaves the reader at the line behind them. */
static bool same(struct reader *r, const struct scenario *s)
{
	bool good = s != NULL;

	r->seen = good && s->text != NULL ? s->text : "";
	while (next_line(r) && r->line[0] == '\t') {
		const size_t len = strlen(r->line);
		if (!good)
			continue;
		good = strncmp(r->seen, r->line, len) == 0;
		if (!good && s->skipped == NULL)
			say_difference(s, r->number, r->line, r->seen);
		r->seen += good ? len : 0;
	}
	if (good && *r->seen != '\0' && s->skipped == NULL) {
		say_difference(s, r->number, "", r->seen);
		good = false;
	}
	return good || (s != NULL && s->skipped != NULL);
}

static int compare_scenario(struct reader *r)
{
	char name[LINE];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(r->line, "\n"), r->line);
	struct scenario *s = find(name);
	if (s == NULL)
		print_message("# %s is in the trace, but did not run\n", name);
	else
		s->known = true;
	if (s != NULL && s->skipped != NULL)
		print_message("# not compared: %s (%s)\n", name, s->skipped);
	return !same(r, s);
}

int trace_compare(const char *path)
{
	struct reader r = {.f = fopen(path, "r")};
	int differ = 0;

	if (r.f == NULL)
		return -1;
	(void)next_line(&r);
	while (r.line[0] != '\0')
		if (r.line[0] == '#' || r.line[0] == '\n' || r.line[0] == '\t')
			(void)next_line(&r);
		else
			differ += compare_scenario(&r);
	(void)fclose(r.f);
	for (int i = 0; i < count; i++) {
		if (all[i].known)
			continue;
		print_message("# %s ran, but is not in the trace\n", all[i].name);
		differ++;
	}
	return differ;
}
