/*
 * The loop's insides, for core/. Two structs carry everything: struct weir_loop,
 * and struct weir__source, with which everything begins that watches a descriptor.
 * The loop finds sources by descriptor number, in a table of one pointer each.
 *
 * Two truths about interest meet once per turn. What an object wants stands in
 * weir__source.want; what the kernel was told stands in weir__source.armed.
 * Whoever changes `want` marks the descriptor dirty; the loop reconciles the
 * dirty ones right before it waits, so that toggling inside a turn costs
 * nothing. Widening is applied then. Narrowing is lazy: it is applied when an
 * event comes that nobody wants.
 */
#ifndef WEIR_CORE_LOOP_H
#define WEIR_CORE_LOOP_H

#include <stdatomic.h>

#include "backend/poller.h"
#include "backend/sys.h"
#include "core/chunk.h"
#include "core/peer.h"
#include "core/weir.h"
#include "core/wheel.h"

/* What kind of object a source heads. */
enum weir__kind {
	WEIR__IO,
	WEIR__WAKE,
	WEIR__LISTENER,
	WEIR__STREAM,
	WEIR__GUEST,
	WEIR__CHILD_EXIT,
	WEIR__CHILD_REPORT,
	WEIR__KINDS
};

/* The first member of everything that watches a descriptor. */
struct weir__source {
	int32_t fd;    /* -1: not open any more */
	uint8_t kind;  /* enum weir__kind */
	uint8_t want;  /* WEIR__IN, WEIR__OUT */
	uint16_t bits; /* the kind's own; WEIR__ERRAND is the loop's */
	/* The loop's. */
	uint32_t tag : 24;   /* differs between the owners that a number has in succession */
	uint32_t armed : 2;  /* what the poller was told */
	uint32_t dirty : 1;  /* in the list of dirty descriptors */
	uint32_t always : 1; /* the kernel cannot poll it: always ready */
	uint32_t shared : 1; /* a copy may live elsewhere: see weir__poller_drop */
	/* Not the loop's: free for the protocol of a stream. */
	uint32_t mark : 2;
	int32_t next_dirty;
};

/* source.bits: settle is to be called before the next wait. */
#define WEIR__ERRAND 0x8000u

/* source.bits of a listener: other processes accept from it, too. */
#define WEIR__SHARED 0x0001u

/* What the loop calls on a kind of object. */
struct weir__role {
	void (*ready)(weir_loop *loop, struct weir__source *source, unsigned ready);
	/* An errand that was put off to the loop (weir__errand). */
	void (*settle)(weir_loop *loop, struct weir__source *source);
	/* The loop is being freed: close, silently. */
	void (*close)(weir_loop *loop, struct weir__source *source);
};

/* What is freed at the end of the turn: written over a closed object behind its source. */
struct weir__dead {
	struct weir__source source;
	struct weir__dead *next;
	size_t size;
};

/* Something that lives as long as the loop and is freed with it (a server). */
struct weir__tenant {
	struct weir__tenant *next, **link;
	void (*free)(struct weir__tenant *tenant);
	/* NULL: there is nothing to drain. */
	void (*drain)(struct weir__tenant *tenant);
	/* In a forked child that is to have nothing of it: closes what no slot tells of.
	   NULL: there is nothing. */
	void (*forked)(struct weir__tenant *tenant);
};

/* A listening socket that can be passed on to the next program. */
struct weir__socket {
	struct weir__socket *next, **link;
	int32_t fd;
	int64_t pid;       /* of the process that made it, and removes its path; 0: passed */
	uint32_t name_len; /* what it is called where its address does not tell */
	char *name;
};

/* By the one process that writes it. */
static inline void weir__tally_set(_Atomic(uint32_t) *count, uint32_t n)
{
	atomic_store_explicit(count, n, memory_order_relaxed);
}

static inline uint32_t weir__tally_get(const _Atomic(uint32_t) *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

static inline void weir__tally_add(_Atomic(uint32_t) *count, uint32_t n)
{
	weir__tally_set(count, weir__tally_get(count) + n);
}

/* What a worker of a cluster publishes, in memory that all of its processes share. */
struct weir__tally {
	_Atomic(uint32_t) accepted, conns, requests;
	_Atomic(uint32_t) full; /* it has no room for what is handed over */
};

/*
 * How a worker of a cluster accepts. The loop's listeners ask it for their sockets, and
 * before each connection. NULL in other loops.
 */
struct weir__gate {
	/* The socket for an address, to be the caller's; -ENOENT: none of the cluster's. *how
	   tells how it is used. */
	int (*socket)(struct weir__gate *gate, const char *address, unsigned *how);
	/* For how many ms it is to step back for others; 0: it may accept. `waits`: it had
	   stepped back, and somebody waits all the same. */
	int32_t (*step_back)(struct weir__gate *gate, bool waits);
	/* Somebody waits, for whom this worker was woken and has no room. */
	void (*full)(struct weir__gate *gate);
};

/* weir__gate.socket */
#define WEIR__GATE_SHARED 1u /* others accept from it, too */
#define WEIR__GATE_FED 2u    /* connections are brought by weir__listener_feed */

/* Who accepted or opened streams: what they share. Counted. */
struct weir__owner {
	weir_loop *loop;
	void *arg; /* the listener's */
	const weir_stream_ops *ops;
	/* NULL, or a protocol's: the kernel has taken the last of the queue. From the loop. */
	void (*emptied)(weir_stream *stream);
	/* The same: it is closed, whoever did that, and may be inside a call of the user's. */
	void (*closed)(weir_stream *stream);
	/* The same: it has come by weir__take, and open will be called. Inside that call. */
	void (*taken)(weir_stream *stream);
	const weir_transport *transport;
	void *transport_arg;
	uint32_t refs; /* the listener and each stream */
	int32_t conns; /* streams alive */
	int32_t max_conns;
	int32_t idle_ms, low, high, max_queue, max_unread;
	bool accepts; /* a listener's: its streams count against max_conns */
};

/* Events taken in one wait. */
#define WEIR__BATCH 256
/* How long what failed for want of memory or descriptors waits to be tried again. */
#define WEIR__RETRY_MS 100

struct weir_loop {
	struct weir__mem mem; /* the first: shed finds the loop by it */
	weir__poller *poller;
	uintptr_t *slots;    /* who watches a number: see weir__source_at */
	int32_t nslots;      /* numbers below this have one */
	int32_t slots_cap;   /* as many have room */
	uint32_t last_tag;   /* given to a source */
	int32_t dirty;       /* the first dirty descriptor, or -1 */
	int32_t nalways;     /* sources with `always` */
	int32_t next_always; /* whose turn it is among them */
	const struct weir__role *roles[WEIR__KINDS];
	uintptr_t thread;
	int64_t now;
	int64_t wall;  /* 0: not asked yet in this turn */
	int64_t holds; /* what keeps the loop running */
	bool stopping, busy, retry, draining, turning;
	/* Others go on serving in this loop's place: a drain is nothing that health checks
	   should see. */
	bool relieved;

	struct weir__event stale;      /* the first stale one of the last wait; fd -1: none */
	struct weir__event next_stale; /* ... and of this one */

	weir_task *tasks, **tasks_end;
	weir_task *at_end, *at_drain;
	_Atomic(weir_task *) posted;
	_Atomic(int32_t) posting; /* threads inside weir_post */
	struct weir__source wake;
	int wake_fd[2];

	weir_timer *timers;         /* root of the pairing heap */
	uint64_t order, turn_order; /* of starting timers: ever, and when this turn began */

	struct weir__wheel wheel;
	struct weir__chunks chunks;
	struct weir__pool flows;
	struct weir__peers peers;
	struct weir__dead *dead;
	struct weir__owner plain; /* of streams without options */
	void *spare_stream;       /* a block for the next accept */

	int32_t conns, max_conns;
	int32_t evictable;     /* streams that may be dropped to make room */
	int32_t paused;        /* listeners that wait for room */
	bool starved;          /* streams wait for a chunk */
	int64_t starved_until; /* ... at least until then */
	bool at_limit;         /* the highest descriptor that the poller takes was in use */
	int32_t below_limit;   /* ... and so many were given back since */
	weir_signal *signals;
	struct weir__tenant *tenants;
	weir_listener *listeners;
	struct weir__socket *sockets; /* that can be passed on */
	weir_chan *upward;            /* to the process that started this one, or NULL */
	struct weir__gate *gate;      /* of a cluster's worker, or NULL */
	struct weir__tally *tally;    /* the same */
	bool forked;                  /* by weir_fork_child */
};

/*
 * Who watches a number; NULL: nobody here. A number whose watcher left while it was in the
 * list of dirty ones stays there until the list is gone through: its slot then holds the
 * next in the list in place of a pointer, told by the lowest bit, which no pointer has.
 */
static inline struct weir__source *weir__source_at(const weir_loop *loop, int32_t fd)
{
	const uintptr_t slot = (uint32_t)fd < (uint32_t)loop->nslots ? loop->slots[fd] : 0;
	return slot & 1 ? NULL : (struct weir__source *)slot;
}

/* Accepted connections have come or gone. */
static inline void weir__conns_add(weir_loop *loop, int32_t n)
{
	loop->conns += n;
	if (!loop->tally)
		return;
	weir__tally_set(&loop->tally->conns, (uint32_t)loop->conns);
	if (n > 0)
		weir__tally_add(&loop->tally->accepted, (uint32_t)n);
}

/*
 * Registers a source whose fd, kind and want are set. Takes effect at once, so
 * that failure is known at once: 0, -ENOMEM, -EBADF, -EMFILE, or -EBUSY when the
 * number is registered already. `shared` as in weir__poller_drop.
 */
int weir__attach(weir_loop *loop, struct weir__source *source, bool shared);
/* Forgets it; the descriptor stays open and the object alive. */
void weir__detach(weir_loop *loop, struct weir__source *source);
/* Changes what the source wants. */
void weir__want(weir_loop *loop, struct weir__source *source, unsigned want);
/* The same, and the poller learns of it now: for what other processes wait for, too. */
void weir__want_now(weir_loop *loop, struct weir__source *source, unsigned want);
/* The kernel can no longer be trusted with what was registered: starts over. 0 or -errno. */
int weir__rebuild(weir_loop *loop);
/* Has roles[kind]->settle called before the next wait. */
void weir__errand(weir_loop *loop, struct weir__source *source);
/* Frees the object, which begins with a source, when the turn ends. */
void weir__bury(weir_loop *loop, void *object, size_t size);
/* Room has come: listeners and readers that wait for it go on. */
void weir__room(weir_loop *loop);
/* A stream waits for a chunk or memory: has weir__streams_resume called when there may
   be some, but not before so many ms have passed. */
void weir__wait_for_room(weir_loop *loop, int64_t ms);
/* Seconds since 1970, asked once per turn. */
int64_t weir__loop_wall(weir_loop *loop);
/* The wrong thread under --enable-debug: WEIR_ETHREAD, else 0. */
int weir__thread_check(const weir_loop *loop);

void weir__tenant_add(weir_loop *loop, struct weir__tenant *tenant);
void weir__tenant_remove(struct weir__tenant *tenant);

void weir__socket_add(weir_loop *loop, struct weir__socket *socket);
void weir__socket_remove(struct weir__socket *socket);

/* task.c */
void weir__tasks_run(weir_loop *loop);
void weir__tasks_collect(weir_loop *loop); /* takes what was posted */
void weir__tasks_run_stack(weir_task **stack);
void weir__tasks_drain(weir_loop *loop);  /* queues those of weir_at_drain */
void weir__tasks_forget(weir_loop *loop); /* the loop is going */

/* timer.c */
void weir__timers_run(weir_loop *loop);
/* When the next one is due, or INT64_MAX. */
int64_t weir__timers_next(const weir_loop *loop);

/* signal.c */
void weir__signals_run(weir_loop *loop);
/* The loop has another wake_fd: signals are caught for that one. 0 or -errno. */
int weir__signals_move(weir_loop *loop);

/* listen.c */
void weir__listeners_resume(weir_loop *loop);
/* A worker's that has no connections but these: takes one that was accepted for it. False:
   one is waiting for room already, and this one is still the caller's. */
bool weir__listener_feed(weir_listener *listener, int fd);
/* The one that is waiting for room; or -1. It is the caller's then. */
int weir__listener_unfeed(weir_listener *listener);
bool weir__listener_is_full(const weir_listener *listener);
/* As weir_listen, for an owner that several listeners may have in common. */
int weir__listen(struct weir__owner *owner, weir_listener **listener, const char *address,
                 const weir_stream_opts *opts);
/* Accepts those who wait now: the kernel may have woken this process alone for them. From
   the loop. */
void weir__listener_last_call(weir_listener *listener);
/* Another listener for the same owner, on a socket that becomes its own, or is closed. 0 or
   < 0. */
int weir__listener_also(weir_listener *listener, int fd);
/* The listener on that number, if it has its socket from the gate; or NULL. */
weir_listener *weir__listener_gated(const weir_loop *loop, int32_t fd);
/* The socket for an address: one that was passed to this process, or a new one (then
   socket->pid is set). Its number, or < 0. */
int weir__socket_open(weir_loop *loop, struct weir__socket *socket, const char *address,
                      const weir_stream_opts *opts);
/* Closes it, unless its number was taken out (fd -1); removes the path of one that this
   process made. */
void weir__socket_close(weir_loop *loop, struct weir__socket *socket);
/* In a forked child: closes what was accepted and is no stream yet. */
void weir__listeners_abandon(const weir_loop *loop);
/* Closes all listeners of that owner. */
void weir__listeners_close(struct weir__owner *owner);
/* owner.c */
void weir__owner_init(struct weir__owner *owner, weir_loop *loop, const weir_stream_opts *opts,
                      const weir_stream_ops *ops, void *arg);
/* A counted owner for listeners; for other streams, a counted one for opts, or the loop's
   plain one. NULL: no memory. */
struct weir__owner *weir__owner_accepts(weir_loop *loop, const weir_stream_opts *opts,
                                        const weir_stream_ops *ops, void *arg);
struct weir__owner *weir__owner_get(weir_loop *loop, const weir_stream_opts *opts);
void weir__owner_put(struct weir__owner *owner);

#endif
