/*
 * An oracle: what does weir's parser tell about these octets?
 *
 *     http-events KIND [OPTION]... <OCTETS
 *
 * help below says what it prints. tests/support/eventlog.c writes the lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/eventlog.h"

enum { UNREADABLE = 1, USAGE = 2, SPLIT_MATTERS = 3 };

static const char help[] =
	"usage: http-events request|response [OPTION]... <OCTETS\n"
	"\n"
	"Reads what a client or a server has sent from standard input, gives it to weir's\n"
	"parser, and prints a line for each thing the parser tells.\n"
	"\n"
	"  --split=whole        give all octets at once (the default)\n"
	"  --split=bytes        one by one\n"
	"  --split=all          whole, one by one, and cut in two at each place; if anything\n"
	"                       else is told for one of them, say so and exit with 3\n"
	"  --request-method=M   what the responses answer: HEAD, CONNECT, ... A list M,M answers\n"
	"                       one request after the other, interim responses aside, and its\n"
	"                       last goes on (the default: GET); requests answer nothing\n"
	"  --closed             the peer closes the connection behind the octets\n"
	"  --help               this text\n"
	"\n"
	"The lines. Octets outside 0x21-0x7E are \\xNN, so the space is \\x20.\n"
	"\n"
	"  method M             a request\n"
	"  target T\n"
	"  version 1.1          or 1.0\n"
	"  status 200           a response, behind its version\n"
	"  reason R\n"
	"  field NAME: VALUE    each field, in order\n"
	"  body OCTETS          the content, if there is any\n"
	"  trailer NAME: VALUE  each field of the trailer section\n"
	"  done keep            the message is complete; the connection may live on,\n"
	"  done close           or nothing behind it is read\n"
	"  --                   what follows is about the next message\n"
	"  more                 octets are missing\n"
	"  rest N               so many octets at the end belong to no line\n"
	"  error STATUS REASON  refused: what to answer (whoever relays a response: 502), and why\n"
	"\n"
	"Exit status: 0, whether or not the octets are good; 1 if they cannot be read; 2 for a\n"
	"usage error; 3 if the split matters, which is a bug of weir.\n";

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "http-events: %s%s (http-events --help explains)\n", what, which);
	return USAGE;
}

/* ---- options ---- */

struct options {
	struct eventlog_input in;
	const char *kind, *split;
};

static int read_kind(struct options *o, const char *word)
{
	if (o->kind)
		return usage_error("one KIND only, not also ", word);
	if (strcmp(word, "request") != 0 && strcmp(word, "response") != 0)
		return usage_error("the KIND is request or response, not ", word);
	o->kind = word;
	o->in.response = !strcmp(word, "response");
	return 0;
}

static int read_option(struct options *o, const char *word)
{
	const char *value = strchr(word, '=');
	const size_t name = value ? (size_t)(value - word) : strlen(word);

	if (!strcmp(word, "--closed")) {
		o->in.closed = true;
		return 0;
	}
	if (name == 7 && value && !memcmp(word, "--split", name)) {
		o->split = value + 1;
		if (strcmp(o->split, "whole") && strcmp(o->split, "bytes") &&
		    strcmp(o->split, "all"))
			return usage_error("--split is whole, bytes or all, not ", o->split);
		return 0;
	}
	if (name == 16 && value && !memcmp(word, "--request-method", name)) {
		if (!eventlog_answers(&o->in, value + 1))
			return usage_error("--request-method is 1 to 8 methods, not ", value + 1);
		return 0;
	}
	return usage_error("no such option: ", word);
}

static int read_options(struct options *o, char **words)
{
	int status = 0;

	for (; *words && status == 0; words++)
		status = **words == '-' ? read_option(o, *words) : read_kind(o, *words);
	if (status == 0 && !o->kind)
		return usage_error("a KIND is missing: request or response", "");
	return status;
}

/* ---- octets ---- */

static char *read_all(FILE *file, size_t *len)
{
	size_t size = 4096;
	char *octets = malloc(size);

	*len = 0;
	while (octets) {
		char *more;

		*len += fread(octets + *len, 1, size - *len, file);
		if (*len < size)
			break;
		size *= 2;
		more = realloc(octets, size);
		if (!more)
			free(octets);
		octets = more;
	}
	if (octets && ferror(file)) {
		free(octets);
		octets = NULL;
	}
	return octets;
}

/* ---- splits ---- */

/* Whether `log`, which is taken, is the same as this one; says so if not. */
static bool same(const char *whole, char *log, const char *how, size_t at)
{
	const bool is_same = log && !strcmp(whole, log);

	if (!is_same)
		fprintf(stderr, "http-events: %s %zu, weir tells something else:\n%s", how, at,
		        log ? log : "(out of memory)\n");
	free(log);
	return is_same;
}

static int try_all(const struct eventlog_input *in, const char *whole)
{
	if (!same(whole, eventlog_octets(in), "octet by octet, of", in->len))
		return SPLIT_MATTERS;
	for (size_t at = 1; at < in->len; at++)
		if (!same(whole, eventlog_split(in, at), "cut in two at", at))
			return SPLIT_MATTERS;
	return 0;
}

static int print_log(const struct options *o)
{
	const bool bytes = !strcmp(o->split, "bytes");
	char *log = bytes ? eventlog_octets(&o->in) : eventlog_whole(&o->in);
	int status = 0;

	if (!log) {
		fprintf(stderr, "http-events: out of memory\n");
		return UNREADABLE;
	}
	fputs(log, stdout);
	if (!strcmp(o->split, "all"))
		status = try_all(&o->in, log);
	free(log);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("http-events: standard output");
		return UNREADABLE;
	}
	return status;
}

int main(int argc, char **argv)
{
	struct options o = {.in = {.plain = true}, .split = "whole"};
	char *octets;
	int status;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return fputs(help, stdout) < 0;
	status = read_options(&o, argv + 1);
	if (status != 0)
		return status;
	octets = read_all(stdin, &o.in.len);
	if (!octets) {
		perror("http-events: standard input");
		return UNREADABLE;
	}
	o.in.octets = (const uint8_t *)octets;
	status = print_log(&o);
	free(octets);
	return status;
}
