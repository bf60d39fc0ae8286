/*
 * load.h: what the parts of the load generator share.
 *
 *   load.c          the run: connections are opened, then warmed up, measured, and drained
 *   load_options.c  the command line, and the request it asks for
 *   load_dial.c     opens a connection, from one of several source addresses
 *   load_conn.c     a connection at work: which request is sent when, and how long it took
 *   load_reply.c    where does a reply end?
 *   load_slow.c     slow senders and slow readers
 *   load_server.c   what has the server cost?
 *   load_report.c   results as text and as TSV
 */
#ifndef WEIR_BENCH_LOAD_H
#define WEIR_BENCH_LOAD_H

#include <weir.h>

#include "bench/histogram.h"
#include "bench/meter.h"

/* ---- the command line (load_options.c) ---- */

struct load_options {
	const char *address, *name, *host, *path, *tsv;
	const char **headers; /* so many, whole field lines */
	int64_t nheaders;
	int64_t connections, depth, heads, idle, slow_senders, slow_readers, sources, pid;
	double seconds, warmup, rate; /* rate 0: closed loop */
	bool close, tree, quiet;
};

/* Prints usage and exits with 2 when something is wrong. */
void load_options_read(struct load_options *o, int argc, char **argv);
/* So many copies of the request in a row, and o->heads - 1 more, so that a batch may begin with any
   of the different ones; never freed. How long one is. */
char *load_requests(const struct load_options *o, int64_t copies, size_t *len);

/* ---- replies (load_reply.c) ---- */

/* Where a connection is within its present reply. Zeroed: before one. */
struct load_reply {
	uint64_t left;            /* octets of a body whose length is known */
	struct load_slow_path *p; /* a parser, once one was needed */
	bool good;                /* DONE: the status was 2xx */
	bool last;                /* DONE: the connection ends with this reply */
};

enum load_event {
	LOAD_MORE, /* *used octets are done with; the rest is to be given again with more */
	LOAD_DONE, /* the same, and a reply has ended */
	LOAD_BAD   /* that is no reply */
};

enum load_event load_reply_next(struct load_reply *r, const char *data, size_t len, size_t *used);
/* The connection has ended: whether the reply has, by that. Makes it ready for another. */
bool load_reply_end(struct load_reply *r);

/* ---- the run (load.c) ---- */

enum load_phase { LOAD_OPENING, LOAD_WARM, LOAD_MEASURE, LOAD_DRAIN, LOAD_OVER };

struct load_errors {
	uint64_t refused; /* connections */
	uint64_t reset;   /* requests whose connection was */
	uint64_t cut;     /* ... was ended by the server before the reply */
	uint64_t status;  /* replies other than 2xx */
	uint64_t bad;     /* what came was no reply */
	uint64_t late;    /* requests not answered by the end and some time after it */
};

/* What is run up, taken at the beginning and the end of the measured time. */
struct load_sample {
	int64_t now;
	struct meter_cpu server, own;
};

struct load_conn {
	struct load *load;
	weir_stream *stream; /* NULL: closed, or not open yet */
	struct load_reply reply;
	int64_t sent;           /* closed loop: when */
	uint64_t first;         /* open loop: the number of the first request in flight */
	uint32_t waiting;       /* replies to come; of a slow sender: octets that were sent */
	uint32_t number;        /* which source address it comes from */
	struct load_conn *next; /* in a list of those that are free, or lost */
};

/* First in, first out. */
struct load_list {
	struct load_conn *first, *last;
};

struct load {
	struct load_options options;
	weir_loop *loop;
	const char *batch; /* `copies` requests in a row */
	size_t request_len;
	int64_t copies;

	/* In this order: those at work, idle ones, slow senders, slow readers. */
	struct load_conn *conns;
	int64_t nconns, opened, ready;

	enum load_phase phase;
	struct load_list free, lost;
	int64_t busy; /* connections with replies to come */

	/* The open loop: request n is due at epoch + n * interval. */
	uint64_t next,
		end; /* the first not sent yet, the first that will not be (closed loop: 0) */
	int64_t epoch;
	double interval;
	int64_t behind; /* the longest that a request waited for the generator alone */

	int64_t from; /* requests due before this are not measured */
	uint64_t requests;
	uint64_t dropped; /* idle and slow connections that the server has closed */
	struct load_errors errors;
	struct histogram latency;
	struct load_sample begin, finish;

	weir_timer phase_timer, lost_timer, slow_timer, progress_timer;
};

/* A connection has had its first reply, or needs none. */
void load_ready(struct load *load);
/* Nothing is in flight any more, perhaps. */
void load_check_drained(struct load *load);
/* Says what weir says about the address, and exits with 1. */
void load_die(const struct load *load, int why);

/* ---- connections (load_dial.c, load_conn.c, load_slow.c) ---- */

/* Opens a stream for the connection. 0, or < 0 with the stream NULL. */
int load_dial(struct load_conn *conn, const weir_stream_ops *ops);
/* Closes it by a reset, so that nothing of it lingers in this system. */
void load_hang_up(struct load_conn *conn);
/* Has it send what is to be sent next, if anything is; opens it for that if it is not open. */
void load_conn_go(struct load_conn *conn, int64_t now);
/* The open loop: sends what is due, as long as there are free connections. */
void load_pace(struct load *load);
/* Ms until load_pace has something to do; 0: less than it makes sense to sleep; -1: events tell. */
int64_t load_pace_wait(const struct load *load);
/* Those that were lost are tried again. */
void load_retry(weir_timer *timer, void *arg);

/* Their first request is answered: now they become slow. */
void load_slow_start(struct load *load);

/* ---- results (load_server.c, load_report.c) ---- */

/* Processor time of the process that the options name, and its children; < 0: unknown. */
struct meter_cpu load_server_cpu(const struct load_options *o);
uint64_t load_errors_sum(const struct load_errors *errors);
void load_progress(weir_timer *timer, void *arg);
void load_report_text(const struct load *load);
void load_report_tsv(const struct load *load);

#endif
