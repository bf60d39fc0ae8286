/*
 * What does the parser cost? Parses requests in memory over and over, each whole in a buffer as a
 * server has it, and prints nanoseconds of CPU time per request: the median of the rounds, the
 * least and the most of them, and octets per second.
 *
 *     bench/parse [OPTION]...
 *
 *     --only=NAME    this workload (may be given again; `bench/parse --only=` lists them)
 *     --peer=FILE    measure the parser behind this shared object as well: bench/peer.h says what
 *                    it exports (may be given again)
 *     --scan=NAME    let weir scan with this way of http/scan.h, not with the processor's best; all:
 *                    with each that is here, the best first (may be given again)
 *     --time=MS      how long one measurement lasts (default 20)
 *     --rounds=N     how many there are (default 11)
 *     --count=N      measure nothing: parse each workload's requests N times in all, and end
 *
 * Parsers take turns within a round, so that what disturbs the machine disturbs all of them. The
 * last column says how many times as fast as this one the first parser is: the median of what
 * each round gave, the least and the most. Pin it to a processor: taskset -c 1 bench/parse.
 *
 * Instructions per request: let callgrind count within the parser's function for --count=N
 * requests, and divide what it collected by N:
 *
 *     valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=weir_parse \
 *             bench/parse --only=cookies --count=1000
 */
#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if HAVE_DLOPEN
#include <dlfcn.h>
#endif

#include <weir_http.h>

#include "bench/peer.h"
#include "http/scan.h"

enum { MOST_CONTESTANTS = 24, MOST_ROUNDS = 101, FIELDS = 128, ARENA = 1 << 20, LINE = 64 };

static void die(const char *what, const char *which)
{
	fprintf(stderr, "parse: %s %s\n", what, which);
	exit(2);
}

/* ---- weir ---- */

static weir_field fields[FIELDS];
static weir_parser parser;        /* between requests */
static weir_parser before_chunks; /* behind the head of a chunked message */

static int start_over(void)
{
	weir_parser_init(&parser, NULL, fields, FIELDS);
	return -1;
}

static void start(void)
{
	static const char head[] = "PUT / HTTP/1.1\r\nHost: a\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	weir_slice piece;
	size_t used;

	weir_parser_init(&before_chunks, NULL, fields, FIELDS);
	if (weir_parse(&before_chunks, head, sizeof head - 1, &used, &piece) != WEIR_HEAD_END)
		die("weir refuses", head);
	start_over();
}

/* The head that the last of these calls has ended was all of the message. */
static int end_message(weir_event event, bool whole)
{
	const int n = parser.nfields;
	weir_slice piece;
	size_t used;

	if (event != WEIR_HEAD_END || !whole ||
	    weir_parse(&parser, NULL, 0, &used, &piece) != WEIR_DONE)
		return start_over();
	return n;
}

static int weir_head(const char *data, size_t len)
{
	weir_slice piece;
	size_t used;
	const weir_event event = weir_parse(&parser, data, len, &used, &piece);

	return end_message(event, used == len);
}

static int weir_feed(const char *data, size_t len)
{
	weir_event event = WEIR_MORE;
	weir_slice piece;
	size_t used = 0;

	for (size_t end = 1; event == WEIR_MORE && end <= len; end++)
		event = weir_parse(&parser, data, end, &used, &piece);
	return end_message(event, used == len);
}

static int weir_chunked(char *data, size_t len)
{
	weir_parser p = before_chunks;
	size_t at = 0, content = 0, used;
	weir_event event;
	weir_slice piece;

	while ((event = weir_parse(&p, data + at, len - at, &used, &piece)) == WEIR_BODY ||
	       event == WEIR_TRAILERS) {
		content += event == WEIR_BODY ? piece.len : 0;
		at += used;
	}
	return event == WEIR_DONE && at + used == len ? (int)content : -1;
}

static const struct bench_peer weir = {"weir", weir_head, weir_feed, weir_chunked};

/* The way to scan of this name; NULL if this build or this processor has no such one. */
static const struct weir__scan_way *find_scan(const char *name)
{
	for (int i = 0; weir__scan_ways[i]; i++)
		if (!strcmp(weir__scan_ways[i]->name, name) && weir__scan_ways[i]->here())
			return weir__scan_ways[i];
	return NULL;
}

/* ---- texts ---- */

static char arena[ARENA];
static size_t arena_len;

static void add(const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(arena + arena_len, ARENA - arena_len, format, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n >= ARENA - arena_len)
		die("no room for", format);
	arena_len += (size_t)n;
}

/* A fixed sequence, so that every run measures the same. */
static uint32_t random_below(uint32_t n)
{
	static uint64_t state = 20111105;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % n;
}

static void add_random(const char *alphabet, uint32_t len)
{
	const uint32_t n = (uint32_t)strlen(alphabet);

	while (len-- > 0)
		add("%c", alphabet[random_below(n)]);
}

#define DIGITS "0123456789"
#define HEX DIGITS "abcdef"
#define WORD HEX "ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
#define TEXT WORD "=;,./+()\"*: "

static const char minimal[] = "GET / HTTP/1.1\r\n"
			      "Host: a\r\n\r\n";

static const char wrk[] = "GET / HTTP/1.1\r\n"
			  "Host: 127.0.0.1:8080\r\n\r\n";

static const char script[] =
	"GET /api/v2/stations/471100/levels?from=2011-11-05&to=2011-11-06 HTTP/1.1\r\n"
	"Host: gauges.example.org\r\n"
	"User-Agent: level-reader/3.1 (+https://example.org)\r\n"
	"Accept: application/json, text/csv;q=0.75\r\n"
	"Accept-Encoding: gzip\r\n"
	"Authorization: Bearer bGV2ZWwtcmVhZGVyOjNmOWEwYzdkNTUxYjRlMGE4YzZk\r\n"
	"If-None-Match: \"5e1d-4b0c9aa2f7e40\"\r\n"
	"X-Request-Id: 7c9e6679-7425-40de-944b-e07fc1f90ae7\r\n"
	"Connection: keep-alive\r\n\r\n";

static const char cookies[] =
	"GET /rivers/upper/photographs/spillway-at-dawn-07.jpg HTTP/1.1\r\n"
	"Host: www.rivers.example\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
	"Accept: image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8\r\n"
	"Accept-Language: fr-CH,fr;q=0.8,en\r\n"
	"Accept-Encoding: gzip, deflate\r\n"
	"Referer: http://www.rivers.example/rivers/upper/\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: session=4f1c8a70e2b94d5f9a33c6d07be18f52; consent=necessary+statistics; "
	"visited=%5B%22spillway%22%2C%22lock-7%22%2C%22fish-ladder%22%5D; "
	"_stat=GA1.2.1846230975.1320451200; tz=Europe%2FZurich; "
	"basket=eyJpdGVtcyI6W3siaWQiOjE3LCJuIjoyfV19\r\n"
	"If-Modified-Since: Sat, 05 Nov 2011 06:14:09 GMT\r\n"
	"Cache-Control: max-age=0\r\n\r\n";

static const char browser[] =
	"GET "
	"/garden/watering/hoses/"
	"soaker-hose-15m-black?sort=price&page=2&campaign=summer-in-the-garden-2023&x=1234 "
	"HTTP/1.1\r\n"
	"Host: shop.example.com\r\n"
	"Connection: keep-alive\r\n"
	"sec-ch-ua: \"Chromium\";v=\"118\", \"Google Chrome\";v=\"118\", "
	"\"Not=A?Brand\";v=\"99\"\r\n"
	"sec-ch-ua-mobile: ?0\r\n"
	"sec-ch-ua-platform: \"Windows\"\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
	"(KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
	"image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n"
	"Sec-Fetch-Site: same-origin\r\n"
	"Sec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-User: ?1\r\n"
	"Sec-Fetch-Dest: document\r\n"
	"Referer: https://shop.example.com/garden/watering/?page=2\r\n"
	"Accept-Encoding: gzip, deflate, br\r\n"
	"Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7\r\n\r\n";

/* Of such fields the requests of the mix are made. */
static const struct kind {
	const char *name, *alphabet;
	uint32_t least, most;
} kinds[] = {
	{"Accept", TEXT, 3, 120},
	{"Accept-Encoding", WORD ", ", 4, 24},
	{"Accept-Language", WORD ",;=.", 2, 40},
	{"Authorization", WORD "+/", 20, 90},
	{"Cache-Control", WORD "=", 8, 10},
	{"Connection", WORD, 5, 12},
	{"Content-Length", "0", 1, 1},
	{"Cookie", WORD "=;%", 16, 400},
	{"DNT", DIGITS, 1, 1},
	{"If-Modified-Since", TEXT, 29, 29},
	{"If-None-Match", HEX, 8, 40},
	{"Origin", WORD ":/.", 16, 40},
	{"Pragma", WORD, 8, 8},
	{"Referer", WORD ":/.?=&", 20, 120},
	{"Sec-Fetch-Dest", WORD, 5, 10},
	{"Sec-Fetch-Mode", WORD, 4, 10},
	{"User-Agent", TEXT, 8, 140},
	{"X-Forwarded-For", DIGITS ".", 7, 15},
	{"X-Request-Id", HEX "-", 36, 36},
	{"priority", "u=123,", 3, 6},
	{"traceparent", HEX "-", 55, 55},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static void add_field(const struct kind *kind)
{
	const uint32_t len = kind->least + random_below(kind->most - kind->least + 1);
	char *value;

	add("%s: ", kind->name);
	value = arena + arena_len;
	add_random(kind->alphabet, len);
	if (value[0] == ' ')
		value[0] = 'x';
	if (value[len - 1] == ' ')
		value[len - 1] = 'x';
	add("\r\n");
}

/* A request with some of the fields in some order. */
static void add_variant(void)
{
	const struct kind *order[KINDS];
	const uint32_t n = 2 + random_below(KINDS - 4);
	const uint32_t host = random_below(n);

	for (uint32_t i = 0; i < KINDS; i++) {
		const uint32_t to = random_below(i + 1);

		order[i] = order[to];
		order[to] = &kinds[i];
	}
	add("GET /");
	add_random(WORD "/.", random_below(60));
	add(" HTTP/1.1\r\n");
	for (uint32_t i = 0; i < n; i++)
		if (i == host)
			add("Host: %u.example.net\r\n", random_below(100000));
		else
			add_field(order[i]);
	add("\r\n");
}

/* A head of 16 KiB to the octet: 63 fields besides Host. */
static void add_long(void)
{
	const size_t from = arena_len;

	add("GET / HTTP/1.1\r\nHost: long.example\r\n");
	for (uint32_t i = 0; i < 62; i++) {
		add("X-Part-%02u: ", i);
		add_random(WORD, 160 + random_below(160));
		add("\r\n");
	}
	add("X-Rest: ");
	add_random(WORD, (uint32_t)(16384 - 4 - (arena_len - from)));
	add("\r\n\r\n");
}

/* A body of 64 chunks of 1 to 48 octets. */
static void add_chunks(void)
{
	for (uint32_t i = 0; i < 64; i++) {
		const uint32_t len = 1 + random_below(48);

		add("%x\r\n", len);
		add_random(WORD, len);
		add("\r\n");
	}
	add("0\r\n\r\n");
}

/* ---- workloads ---- */

enum { VARIANTS = 256, ORDER = 4096 };

enum how { HEAD, FEED, CHUNKED };

/* Requests that lie in the arena, and in which order they come, again and again. */
struct workload {
	const char *name, *what, *text; /* text NULL: made by `make` */
	void (*make)(void);
	uint32_t variants;
	enum how how;
	struct part {
		uint32_t at, len;
	} order[ORDER];
	uint64_t octets; /* of all in the order together */
};

static struct workload workloads[] = {
	{.name = "minimal", .what = "the shortest: one field", .text = minimal},
	{.name = "wrk", .what = "what wrk sends", .text = wrk},
	{.name = "script", .what = "a program's, 8 fields", .text = script},
	{.name = "cookies", .what = "a browser's with cookies, 10 fields", .text = cookies},
	{.name = "browser", .what = "a browser's, 15 fields", .text = browser},
	{.name = "mix",
         .what = "256 different ones, in no order",
         .make = add_variant,
         .variants = VARIANTS},
	{.name = "long", .what = "a head of 16 KiB, 64 fields", .make = add_long, .variants = 1},
	{.name = "dribble", .what = "cookies, octet by octet", .text = cookies, .how = FEED},
	{.name = "chunks",
         .what = "a body of 64 small chunks",
         .make = add_chunks,
         .variants = 1,
         .how = CHUNKED},
};

enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static void prepare(struct workload *w)
{
	const uint32_t variants = w->text ? 1 : w->variants;
	struct part parts[VARIANTS];

	/* A server reads into the beginning of a buffer. */
	arena_len = (arena_len + 4095) / 4096 * 4096;
	for (uint32_t i = 0; i < variants; i++) {
		parts[i].at = (uint32_t)arena_len;
		if (w->text)
			add("%s", w->text);
		else
			w->make();
		parts[i].len = (uint32_t)arena_len - parts[i].at;
	}
	w->octets = 0;
	for (uint32_t i = 0; i < ORDER; i++) {
		w->order[i] = parts[random_below(variants)];
		w->octets += w->order[i].len;
	}
}

/* ---- contestants ---- */

struct contestant {
	const struct bench_peer *parser;
	const struct weir__scan_way *scan; /* weir's; NULL: the best */
	char name[LINE];
	double ns[MOST_ROUNDS], ratio[MOST_ROUNDS];
};

static struct contestant contestants[MOST_CONTESTANTS];
static int ncontestants;

static void enter(const struct bench_peer *peer, const struct weir__scan_way *scan)
{
	struct contestant *c = &contestants[ncontestants++];

	if (ncontestants == MOST_CONTESTANTS)
		die("too many parsers with", peer->name);
	c->parser = peer;
	c->scan = scan;
	snprintf(c->name, sizeof c->name, "%s%s%s", peer->name, scan ? "-" : "",
	         scan ? scan->name : "");
}

static void enter_scan(const char *name)
{
	const struct weir__scan_way *scan = find_scan(name);

	if (!scan && strcmp(name, "all") != 0)
		die("neither all nor what this build and processor can scan with:", name);
	if (scan)
		enter(&weir, scan);
	for (int i = 0; !scan && weir__scan_ways[i]; i++)
		if (weir__scan_ways[i]->here())
			enter(&weir, weir__scan_ways[i]);
}

static void enter_peer(const char *file)
{
#if HAVE_DLOPEN
	/* POSIX promises that a pointer to a function can be had from one to an object. */
	union {
		void *object;
		const struct bench_peer *(*function)(void);
	} found;
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		die("cannot load", dlerror());
	found.object = dlsym(library, "bench_peer");
	if (!found.object)
		die("no bench_peer in", file);
	enter(found.function(), NULL);
#else
	die("built without dlopen, hence without --peer:", file);
#endif
}

static bool offers(const struct bench_peer *peer, enum how how)
{
	return how == HEAD || (how == FEED ? peer->feed != NULL : peer->chunked != NULL);
}

/* Parses `count` requests; returns the sum of what the parser returned for each. */
static int64_t run(const struct contestant *c, const struct workload *w, uint64_t count)
{
	const struct bench_peer *peer = c->parser;
	static char scratch[16384];
	int64_t sum = 0;

	weir__scan_use(c->scan);
	for (uint64_t i = 0; i < count; i++) {
		const struct part part = w->order[i % ORDER];

		if (w->how == HEAD)
			sum += peer->head(arena + part.at, part.len);
		else if (w->how == FEED)
			sum += peer->feed(arena + part.at, part.len);
		else
			sum += peer->chunked(memcpy(scratch, arena + part.at, part.len), part.len);
	}
	return sum;
}

/* ---- measuring ---- */

/* CPU time, since others may be running here. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double measure(const struct contestant *c, const struct workload *w, uint64_t count)
{
	const double begin = now();

	run(c, w, count);
	return (now() - begin) / (double)count;
}

/* How many requests last about this long: whole turns through the order, so that all weigh alike. */
static uint64_t requests_in(const struct contestant *c, const struct workload *w, double ns)
{
	uint64_t turns = 1;

	measure(c, w, ORDER / 4);
	turns = (uint64_t)(ns / measure(c, w, ORDER / 4) / (double)ORDER);
	return ORDER * (turns > 0 ? turns : 1);
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const struct workload *w, struct contestant *c, int rounds)
{
	const double octets = (double)w->octets / (double)ORDER;
	double *ns = c->ns, *ratio = c->ratio;
	const int half = rounds / 2;

	qsort(ns, (size_t)rounds, sizeof *ns, ascending);
	qsort(ratio, (size_t)rounds, sizeof *ratio, ascending);
	printf("%-8s %7.0f  %-16s %9.1f  %9.1f %9.1f %7.2f", w->name, octets, c->name, ns[half],
	       ns[0], ns[rounds - 1], octets / ns[half]);
	if (c != contestants)
		printf("  %5.2f (%.2f to %.2f)", ratio[half], ratio[0], ratio[rounds - 1]);
	printf("\n");
	fflush(stdout);
}

static void contest(const struct workload *w, double ns, int rounds)
{
	uint64_t count[MOST_CONTESTANTS];

	for (int i = 0; i < ncontestants; i++) {
		struct contestant *c = &contestants[i];

		count[i] = 0;
		if (!offers(c->parser, w->how))
			continue;
		if (run(c, w, ORDER) != run(contestants, w, ORDER))
			die("does not find in this workload what the first parser finds:", c->name);
		count[i] = requests_in(c, w, ns);
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < ncontestants; i++) {
			struct contestant *c = &contestants[i];

			if (count[i] == 0)
				continue;
			c->ns[round] = measure(c, w, count[i]);
			c->ratio[round] = c->ns[round] / contestants->ns[round];
		}
	for (int i = 0; i < ncontestants; i++)
		if (count[i] > 0)
			print(w, &contestants[i], rounds);
}

/* ---- the program ---- */

static void usage(void)
{
	fprintf(stderr, "usage: parse [--only=NAME] [--peer=FILE] [--scan=NAME] [--time=MS] "
	                "[--rounds=N] [--count=N]\nworkloads:\n");
	for (int i = 0; i < WORKLOADS; i++)
		fprintf(stderr, "  %-8s %s\n", workloads[i].name, workloads[i].what);
	exit(2);
}

/* "--name=value" gives the value, anything else NULL. */
static const char *option(const char *argument, const char *name)
{
	const size_t len = strlen(name);

	return strncmp(argument, name, len) == 0 && argument[len] == '=' ? argument + len + 1
	                                                                 : NULL;
}

static long number(const char *text, long most)
{
	char *end;
	const long n = strtol(text, &end, 10);

	if (*end || n < 1 || n > most)
		die("no number to use:", text);
	return n;
}

struct order {
	bool chosen[WORKLOADS], some;
	long ms, rounds, count;
};

static void choose(struct order *order, const char *name)
{
	for (int i = 0; i < WORKLOADS; i++)
		if (!strcmp(name, workloads[i].name)) {
			order->chosen[i] = order->some = true;
			return;
		}
	usage();
}

static void read_option(struct order *order, const char *argument)
{
	const char *value;

	if ((value = option(argument, "--only")))
		choose(order, value);
	else if ((value = option(argument, "--peer")))
		enter_peer(value);
	else if ((value = option(argument, "--time")))
		order->ms = number(value, 60000);
	else if ((value = option(argument, "--rounds")))
		order->rounds = number(value, MOST_ROUNDS);
	else if ((value = option(argument, "--count")))
		order->count = number(value, 1000000000);
	else if (!option(argument, "--scan"))
		usage();
}

/* weir comes first, whatever the order of the options. */
static void enter_all(struct order *order, char **arguments)
{
	const char *scan;

	for (char **a = arguments; *a; a++)
		if ((scan = option(*a, "--scan")))
			enter_scan(scan);
	if (ncontestants == 0)
		enter(&weir, NULL);
	for (char **a = arguments; *a; a++)
		read_option(order, *a);
}

int main(int argc, char **argv)
{
	struct order order = {.ms = 20, .rounds = 11};

	(void)argc;
	start();
	enter_all(&order, argv + 1);
	if (!order.count)
		printf("workload  octets  parser                  ns      least      most    GB/s  "
		       "the first is faster\n");
	for (int i = 0; i < WORKLOADS; i++) {
		prepare(&workloads[i]);
		if (order.some && !order.chosen[i])
			continue;
		if (!order.count)
			contest(&workloads[i], (double)order.ms * 1e6, (int)order.rounds);
		for (int k = 0; order.count && k < ncontestants; k++)
			if (offers(contestants[k].parser, workloads[i].how))
				run(&contestants[k], &workloads[i], (uint64_t)order.count);
	}
	return 0;
}
