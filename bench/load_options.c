/* What is asked of the load generator, and the request that it is to send. */
#include "config.h"

#include "bench/load.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More connections than this from one address make connect slow. */
#define PER_SOURCE 10000
#define MAX_HEADERS 100
/* Octets of a batch: well below what a stream queues. */
#define MAX_BATCH 1000000

static const char usage_text[] =
	"usage: load ADDRESS [OPTION]...\n"
	"\n"
	"  --connections=N    at work (64)\n"
	"  --depth=N          requests in flight on each, sent in one write (1)\n"
	"  --heads=N          so many different requests, by turns (1)\n"
	"  --seconds=S        how long is measured (5)\n"
	"  --warmup=S         before that (0.5)\n"
	"  --rate=R           open loop: so many requests a second in all, at fixed times\n"
	"  --close            a connection for each batch\n"
	"  --idle=N           so many more connections that are idle after a request (0)\n"
	"  --slow-senders=N   ... that send a head an octet every 100 ms (0)\n"
	"  --slow-readers=N   ... that ask much and read a little every 100 ms (0)\n"
	"  --sources=N        from 127.0.0.1 to 127.0.0.N in turn (1 per 10,000 connections)\n"
	"  --path=PATH        (/)\n"
	"  --host=HOST        (ADDRESS)\n"
	"  --header=FIELD     a field line, as 'Name: value'; again and again\n"
	"  --pid=PID          of the server, whose processor time is told\n"
	"  --tree             ... with that of its children\n"
	"  --name=TEXT        in the results (ADDRESS)\n"
	"  --tsv=FILE         a line of results is appended to it\n"
	"  --quiet            only the TSV\n";

static _Noreturn void usage(const char *what)
{
	fprintf(stderr, "load: %s\n%s", what, usage_text);
	exit(2);
}

/* ---- options ---- */

enum kind { FLAG, TEXT, COUNT, SECONDS, HEADER };

static const struct option {
	const char *name;
	enum kind kind;
	size_t at;
	double least, most;
} options[] = {
	{"connections", COUNT, offsetof(struct load_options, connections), 1, 1e6},
	{"depth", COUNT, offsetof(struct load_options, depth), 1, 1e4},
	{"heads", COUNT, offsetof(struct load_options, heads), 1, 1e4},
	{"seconds", SECONDS, offsetof(struct load_options, seconds), 0.01, 1e5},
	{"warmup", SECONDS, offsetof(struct load_options, warmup), 0, 1e5},
	{"rate", SECONDS, offsetof(struct load_options, rate), 0.1, 1e8},
	{"close", FLAG, offsetof(struct load_options, close), 0, 0},
	{"idle", COUNT, offsetof(struct load_options, idle), 0, 1e6},
	{"slow-senders", COUNT, offsetof(struct load_options, slow_senders), 0, 1e6},
	{"slow-readers", COUNT, offsetof(struct load_options, slow_readers), 0, 1e6},
	{"sources", COUNT, offsetof(struct load_options, sources), 1, 1e4},
	{"path", TEXT, offsetof(struct load_options, path), 0, 0},
	{"host", TEXT, offsetof(struct load_options, host), 0, 0},
	{"header", HEADER, 0, 0, 0},
	{"pid", COUNT, offsetof(struct load_options, pid), 1, 1e9},
	{"tree", FLAG, offsetof(struct load_options, tree), 0, 0},
	{"name", TEXT, offsetof(struct load_options, name), 0, 0},
	{"tsv", TEXT, offsetof(struct load_options, tsv), 0, 0},
	{"quiet", FLAG, offsetof(struct load_options, quiet), 0, 0},
};

static double number(const struct option *option, const char *value)
{
	char *end;
	const double n = strtod(value, &end);
	const bool whole = option->kind != COUNT || n == (double)(int64_t)n;

	if (end == value || *end || !(n >= option->least && n <= option->most) || !whole) {
		fprintf(stderr, "load: --%s=%s: not from %.10g to %.10g\n", option->name, value,
		        option->least, option->most);
		exit(2);
	}
	return n;
}

static void set(struct load_options *o, const struct option *option, const char *value)
{
	void *member = (char *)o + option->at;

	switch (option->kind) {
	case FLAG:
		*(bool *)member = true;
		break;
	case TEXT:
		*(const char **)member = value;
		break;
	case COUNT:
		*(int64_t *)member = (int64_t)number(option, value);
		break;
	case SECONDS:
		*(double *)member = number(option, value);
		break;
	case HEADER:
		if (o->nheaders == MAX_HEADERS)
			usage("too many headers");
		o->headers[o->nheaders++] = value;
		break;
	}
}

/* --NAME or --NAME=VALUE. */
static void read_option(struct load_options *o, const char *text)
{
	const char *equals = strchr(text, '=');
	const size_t len = equals ? (size_t)(equals - text) : strlen(text);

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const struct option *option = &options[i];

		if (strlen(option->name) == len && !memcmp(option->name, text, len) &&
		    (option->kind == FLAG) == !equals) {
			set(o, option, equals ? equals + 1 : NULL);
			return;
		}
	}
	usage("unknown option, or one without its value");
}

void load_options_read(struct load_options *o, int argc, char **argv)
{
	static const char *headers[MAX_HEADERS];

	*o = (struct load_options){.headers = headers,
	                           .connections = 64,
	                           .depth = 1,
	                           .heads = 1,
	                           .seconds = 5,
	                           .warmup = 0.5};
	o->path = "/";
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--", 2))
			read_option(o, argv[i] + 2);
		else if (!o->address)
			o->address = argv[i];
		else
			usage("more than one address");
	}
	if (!o->address)
		usage("no address");
	o->host = o->host ? o->host : o->address;
	o->name = o->name ? o->name : o->address;
	if (!o->sources) {
		const bool ip4 = *o->address >= '0' && *o->address <= '9';
		const int64_t all = o->connections + o->idle + o->slow_senders + o->slow_readers;

		o->sources = ip4 ? (all + PER_SOURCE - 1) / PER_SOURCE : 1;
	}
}

/* ---- the request ---- */

/* As if there were room; how long it is. Those that differ do so in their query. */
static size_t write_request(const struct load_options *o, int64_t number, char *out, size_t room)
{
	char query[24] = "";

	if (o->heads > 1)
		snprintf(query, sizeof query, "?%05lld", (long long)(number % o->heads));

	int n = snprintf(out, room, "GET %s%s HTTP/1.1\r\nHost: %s\r\n", o->path, query, o->host);
	size_t len = n > 0 ? (size_t)n : 0;

	for (int64_t i = 0; i < o->nheaders; i++) {
		const size_t left = len < room ? room - len : 0;

		n = snprintf(left ? out + len : NULL, left, "%s\r\n", o->headers[i]);
		len += n > 0 ? (size_t)n : 0;
	}
	if (len + 2 < room)
		memcpy(out + len, "\r\n", 3);
	return len + 2;
}

char *load_requests(const struct load_options *o, int64_t copies, size_t *len)
{
	const int64_t all = copies + o->heads - 1;

	*len = write_request(o, 0, NULL, 0);
	if (*len > MAX_BATCH / (size_t)copies)
		usage("the requests of one write are longer than 1,000,000 octets");

	char *requests = malloc(*len * (size_t)all + 1);

	if (!requests)
		meter_die("load: requests");
	for (int64_t i = 0; i < all; i++)
		write_request(o, i, requests + (size_t)i * *len, *len + 1);
	return requests;
}
