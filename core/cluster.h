/* A cluster's insides: cluster.c makes and ends it, place.c looks after processes, roster.c
   knows them, door.c has the sockets, worker.c is the other side. */
#ifndef WEIR_CORE_CLUSTER_H
#define WEIR_CORE_CLUSTER_H

#include "core/addr.h"
#include "core/child.h"

/* Of each process, in memory that all share. Each word has one writer: the tally the worker,
   the rest the master. 32 bits, because not all processors have atomic 64. */
struct weir__entry {
	_Alignas(64) struct weir__tally tally;
	_Atomic(uint32_t) id, pid, place, state; /* state 0: free */
};

/* A listening socket. */
struct weir__door {
	struct weir__socket socket;
	struct weir__door *next;
	weir_cluster *cluster;
	int32_t index;
	int32_t place; /* whose it is; -1: everybody's */
	int32_t lent;  /* id of the worker that accepts for an empty place; 0: none */
	weir_io io;    /* where the master accepts, on a number of its own; fd -1: nowhere */
	weir_timer retry;
	uint32_t text_size;
	char text[]; /* the address, as it was asked for */
};

/* A connection that nobody could be given yet. */
struct weir__kept {
	struct weir__kept *next;
	uint32_t door;
	int fd;
};

/* A process that was forked for a place. */
struct weir__process {
	struct weir__source source; /* for burial */
	struct weir__process *next;
	weir_cluster *cluster;
	weir_child *child;
	struct weir__entry *entry;
	int32_t id, place;
	int64_t ready_at;   /* -1: it is not ready yet */
	int64_t full_until; /* it has given a connection back */
	weir_timer deadline;
	bool draining, ended;
};

/* One of the workers that there are to be. */
struct weir__worker_place {
	weir_cluster *cluster;
	struct weir__process *now;  /* serves, or will */
	struct weir__process *then; /* will serve in its place */
	weir_timer retry;
	int32_t early; /* deaths in a row before being ready, */
	int32_t brief; /* ... within a second of it, */
	int32_t tries; /* ... of those that were to serve in its place */
	bool waits;    /* for an entry */
	bool renew;    /* a new one is to take its place */
};

struct weir_cluster {
	struct weir__source source; /* for burial: fd -1 is freed */
	struct weir__tenant tenant;
	weir_loop *loop;
	weir_cluster_opts opts;
	struct weir__entry *entries;
	struct weir__process *processes;
	struct weir__door *doors, **doors_end;
	struct weir__kept *kept, **kept_end;
	int32_t nentries, ndoors, next_id;
	int32_t turn;      /* of handing over: the place that comes next */
	int32_t renewing;  /* places with a reload to come */
	int status;        /* of the reload */
	int64_t drain_due; /* INT64_MAX: none */
	weir_timer look;   /* door.c: does somebody wait in vain? */
	uint32_t seen;     /* connections that all had accepted then */
	weir_task over;    /* drained is owed */
	bool started, draining, drained, again, forking;
	struct weir__worker_place places[];
};

struct weir_worker {
	struct weir__gate gate;
	weir_loop *loop;
	weir_cluster *cluster; /* a copy of the master's, to be read */
	struct weir__entry *entry;
	weir_chan *chan;
	int32_t id, place;
	int32_t *listening; /* by door: the listener's descriptor, or -1 */
	int32_t *also;      /* by door: the same of one that accepts for an empty place */
	int32_t back_ms;    /* how long it has stepped back for */
	uint32_t seen;      /* connections that all had accepted then */
	int64_t since;      /* when; while somebody waits and that does not change */
	int64_t due;        /* when it must have ended, or -1 */
	weir_timer look, deadline;
	weir_task loop_drains;
	weir_signal interrupt, terminate, hang_up, quit;
	bool draining;
	bool must;  /* accepts one more, whatever others have */
	bool asked; /* whether others have been told to look */
};

/* ---- cluster.c ---- */

/* In a callback: it is read to the end of the turn. */
static inline bool weir__cluster_freed(const weir_cluster *cluster)
{
	return cluster->source.fd < 0;
}

/* A process has gone: was it the last one of a cluster that drains? */
void weir__cluster_check_over(weir_cluster *cluster);

/* ---- place.c ---- */

void weir__place_init(struct weir__worker_place *place, weir_cluster *cluster);
/* Starts one that serves in it / that will take the place of the one that does. */
void weir__place_start(struct weir__worker_place *place);
void weir__place_renew(struct weir__worker_place *place);
/* relieved: others serve in its place. What cannot be told is ended. */
void weir__process_drain(struct weir__process *process, int64_t ms, bool relieved);
/* It has gone. */
void weir__process_remove(struct weir__process *process);

static inline bool weir__process_serves(const struct weir__process *process)
{
	return process && process->ready_at >= 0 && !process->draining && !process->ended;
}

/* ---- roster.c ---- */

/* NULL: all are taken. */
struct weir__entry *weir__entry_find_free(weir_cluster *cluster);
void weir__entry_take(struct weir__process *process, struct weir__entry *entry);

/* Of those who serve. */
struct weir__sum {
	uint32_t workers, conns, accepted;
};
struct weir__sum weir__cluster_sum(const weir_cluster *cluster);
/* The serving worker whose turn it is, or NULL. */
struct weir__process *weir__cluster_next(weir_cluster *cluster);
/* Whether one more connection would be taken by somebody. */
bool weir__cluster_takes(const weir_cluster *cluster);
/* Says one of weir's own words to a worker, if there is one of that number. */
void weir__cluster_say(const weir_cluster *cluster, int32_t id, enum weir__word word,
                       const void *data, size_t len);

/* ---- door.c ---- */

/* Begins to accept, where that is the master's part. */
void weir__doors_open(weir_cluster *cluster);
/* A worker has come, or room has: connections that wait are handed over. */
void weir__doors_resume(weir_cluster *cluster);
/* Hands a connection over that another worker did not get. */
void weir__door_pass_on(weir_cluster *cluster, uint32_t door, int fd);
/* Has another worker accept for a place / gives it back to it. */
void weir__doors_lend(weir_cluster *cluster, int32_t place);
void weir__doors_recall(weir_cluster *cluster, int32_t place);
/* Whoever had been lent one has died. */
void weir__doors_worker_left(weir_cluster *cluster, int32_t id);
void weir__doors_close(weir_cluster *cluster);
/* In a forked child: what the master accepts from; or all of them. */
void weir__doors_forked(weir_cluster *cluster, bool all);

/* ---- worker.c ---- */

/* What a worker does; arg is its struct weir__process. */
weir_child_body weir__worker_body;

#endif
