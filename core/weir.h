/*
 * weir: event-driven network programs in C.
 *
 * A loop watches descriptors and clocks and calls you back; everything else
 * here hangs on a loop. The rules that hold for all of it:
 *
 * Results. Functions return >= 0 for success and < 0 for failure: -errno or one
 * of the WEIR_E… codes below. weir_strerror names both; errno is never read or
 * promised. weir does not abort, exit or print, and leaves signal dispositions
 * alone until you watch a signal.
 *
 * Callbacks come only from the loop, never from inside a function that you call
 * (the allocator hook and the functions of a transport excepted, which do not
 * call weir in turn). The object comes first, then what happened, your pointer
 * last.
 *
 * Closing. You close an object: it is silent from that moment and the pointer
 * is dead. It closes itself: you hear once, as its last call (`gone`). Closing
 * is legal in any callback, of any object. Memory of your own that a callback
 * uses may be freed as soon as the close has returned.
 *
 * Threads. A loop and its objects belong to one thread. Any number of loops may
 * run, one per thread. Only weir_post may be called from elsewhere.
 *
 * Options. A zeroed option struct is all defaults. Times are milliseconds;
 * where a limit may be switched off, WEIR_OFF does it.
 */
#ifndef WEIR_H
#define WEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_VERSION "0.1.0"

/* Switches a limit of an option struct off. */
#define WEIR_OFF (-1)

/* ---- errors ------------------------------------------------------------- */

enum {
	WEIR_ECLOSED = -10000,  /* the peer or the object is gone already */
	WEIR_EFULL = -10001,    /* the queue is at its limit; nothing was taken */
	WEIR_ETOOBIG = -10002,  /* more unread octets than allowed */
	WEIR_ETIMEOUT = -10003, /* a time limit has passed */
	WEIR_EADDRESS = -10004, /* not an address weir understands */
	WEIR_ESTATE = -10005,   /* not possible in this state (begun, ended, not started) */
	WEIR_EINVALID = -10006, /* an argument outside of what is documented */
	WEIR_ETHREAD = -10007,  /* called from another thread than the loop's (--enable-debug) */
	WEIR_EDRAINED = -10008, /* closed to make room for others */
	WEIR_ESHORT = -10009    /* ended before all that was announced had come */
};

/* The text of a negative result; never NULL; static. */
const char *weir_strerror(int64_t error);

/* ---- loop --------------------------------------------------------------- */

typedef struct weir_loop weir_loop;

/*
 * Gives, resizes or takes back memory, as in Lua: ptr NULL and old_size 0 asks
 * for a block, new_size 0 gives it back (and returns NULL), else the block is
 * resized and may move. Returning NULL refuses; the old block then stays.
 * Called only from the loop's thread and only inside weir's functions.
 */
typedef void *weir_alloc_fn(void *arg, void *ptr, size_t old_size, size_t new_size);

typedef struct weir_loop_opts {
	weir_alloc_fn *alloc; /* NULL: realloc and free */
	void *alloc_arg;
	int64_t max_memory; /* octets taken through alloc; 0 or WEIR_OFF: no cap */
	int32_t max_chunks; /* buffers of 16 KiB in use at once; 0: 16384; WEIR_OFF: no cap */
	int32_t max_conns;  /* streams that were accepted; 0 or WEIR_OFF: no cap */
} weir_loop_opts;

/*
 * Makes a loop. opts may be NULL. Returns 0 with *loop set, or -ENOMEM, -EMFILE
 * or another -errno of opening the poller, with *loop NULL.
 */
int weir_loop_new(weir_loop **loop, const weir_loop_opts *opts);

/*
 * Closes all that belongs to the loop, silently, and frees it. Not from inside
 * a callback of the same loop. NULL is nothing. What weir_at_end registered and
 * did not run yet runs first.
 */
void weir_loop_free(weir_loop *loop);

/*
 * Runs until nothing holds the loop or weir_loop_stop is called, then runs the
 * tasks of weir_at_end. The loop may be run again. Held open by: listeners,
 * streams, started weir_io and ordinary timers, pending tasks and posts,
 * weir_loop_hold. Not by: signal watchers, unref'd timers.
 *
 * Returns 0, or -errno when the poller fails for good.
 */
int weir_loop_run(weir_loop *loop);

/*
 * One turn: tasks, then at most max_wait_ms (-1: as long as it takes) of
 * waiting, then events, timers. Returns 1 while something holds the loop, 0 when
 * nothing does, or -errno.
 */
int weir_loop_step(weir_loop *loop, int64_t max_wait_ms);

/* Makes weir_loop_run return after this turn. */
void weir_loop_stop(weir_loop *loop);

/* The loop's monotonic clock, in ms: the time at which this turn began or, after
   its wait, at which that ended. */
int64_t weir_loop_now(const weir_loop *loop);

/*
 * Keeps the loop running although nothing is pending, until released as often;
 * for a thread that will post.
 */
void weir_loop_hold(weir_loop *loop);
void weir_loop_release(weir_loop *loop);

/* "epoll", "kqueue", "devpoll" or "select": what configure chose. */
const char *weir_backend(void);

/*
 * In a child after fork, when the loop shall live on there: a poller of its
 * own. Descriptors are shared with the parent. Returns 0 or -errno.
 */
int weir_loop_forked(weir_loop *loop);

/* ---- tasks -------------------------------------------------------------- */

typedef struct weir_task weir_task;
typedef void weir_task_fn(weir_task *task, void *arg);

/* A call to be made later. Yours; it must stay where it is while queued. */
struct weir_task {
	weir_task_fn *fn;
	void *arg;
	weir_task *next; /* private, like the rest */
#ifdef __cplusplus
	int32_t queued;
#else
	_Atomic(int32_t) queued;
#endif
};

void weir_task_init(weir_task *task, weir_task_fn *fn, void *arg);

/*
 * Calls the task at the beginning of the next turn, before timers and events.
 * The wait in between does not sleep. A task that is queued already counts
 * once; it may be queued again from inside its own call. Returns 1 when it was
 * queued, 0 when it already was.
 */
int weir_later(weir_loop *loop, weir_task *task);

/* Takes a queued task of weir_later or weir_at_end back. */
void weir_task_cancel(weir_loop *loop, weir_task *task);

/*
 * The same as weir_later from any thread and from signal handlers: the one call
 * that may come from outside. Lock-free; never fails. The loop must live until
 * the task has run (weir_loop_hold before the thread starts covers it). A
 * pending post holds the loop. A posted task cannot be cancelled.
 */
int weir_post(weir_loop *loop, weir_task *task);

/* Calls the task once when weir_loop_run is about to return, last one first. */
int weir_at_end(weir_loop *loop, weir_task *task);

/* ---- timers ------------------------------------------------------------- */

typedef struct weir_timer weir_timer;
typedef void weir_timer_fn(weir_timer *timer, void *arg);

/* Embedded in your own structs; its members are private. */
struct weir_timer {
	weir_timer *child, *next, *prev;
	weir_loop *loop;
	weir_timer_fn *fn;
	void *arg;
	int64_t due, every;
	uint64_t order;
	bool started, unref;
};

/* Names the call; the timer is stopped. Not for a started timer. */
void weir_timer_init(weir_timer *timer, weir_timer_fn *fn, void *arg);

/*
 * Calls back in ms, then each `every` ms when every > 0 (from the time it was
 * due, skipping what a late loop has missed). Starting a started timer moves
 * it. Never allocates. A timer never fires before its time, never in the turn
 * it was started in, and timers of one time fire in the order of their start.
 * It must be stopped, or have fired, before its memory is given up. Negative
 * times count as 0; every == WEIR_OFF is 0.
 */
void weir_timer_start(weir_loop *loop, weir_timer *timer, int64_t ms, int64_t every);

/* Returns 1 when it was started, 0 when there was nothing to stop. */
int weir_timer_stop(weir_timer *timer);

/* Says whether a started timer holds the loop (it does until told otherwise). */
void weir_timer_unref(weir_timer *timer, bool unref);

/* ---- descriptors -------------------------------------------------------- */

enum {
	WEIR_READ = 1, /* a read would not block */
	WEIR_WRITE = 2 /* a write would not block */
};

typedef struct weir_io weir_io;
typedef void weir_io_fn(weir_io *io, unsigned ready, void *arg);

/* Embedded in your own structs; its members are private. */
struct weir_io {
	int32_t fd;
	uint8_t kind, want;
	uint16_t bits;
	weir_loop *loop;
	weir_io_fn *fn;
	void *arg;
};

/*
 * Watches a descriptor that you opened and will close (weir_io_stop comes
 * first). want is a mask of WEIR_READ and WEIR_WRITE; level-triggered: fn is
 * called in every turn in which one of them holds. With want 0 it is not
 * watched and does not hold the loop. Errors and hang-ups are told as what is
 * wanted. Descriptors that the kernel cannot poll (regular files) are always
 * ready, on every backend.
 *
 * Returns 0, -ENOMEM, -EBADF, -EMFILE (select: the descriptor is too high) or
 * -EBUSY (the descriptor is watched already). io must stay where it is until
 * stopped.
 */
int weir_io_start(weir_loop *loop, weir_io *io, int fd, unsigned want, weir_io_fn *fn, void *arg);
int weir_io_want(weir_io *io, unsigned want);
void weir_io_stop(weir_io *io);

/* ---- signals ------------------------------------------------------------ */

typedef struct weir_signal weir_signal;
typedef void weir_signal_fn(weir_signal *watcher, int signo, void *arg);

/* Embedded in your own structs; its members are private. */
struct weir_signal {
	weir_signal *next;
	weir_loop *loop;
	weir_signal_fn *fn;
	void *arg;
	int signo;
	bool due;
};

/*
 * Calls fn from the loop after signo has come, once for any number of times it
 * came since the last call. Any number of watchers may share a signal; all must
 * be of one loop. The disposition found is put back when the last one stops.
 * A watcher does not hold the loop. Returns 0, -EINVAL (no such signal, or it
 * cannot be caught) or -EBUSY (another loop has this signal, or the watcher is
 * started already).
 */
int weir_signal_start(weir_loop *loop, weir_signal *watcher, int signo, weir_signal_fn *fn,
                      void *arg);
void weir_signal_stop(weir_signal *watcher);

/* ---- streams ------------------------------------------------------------ */

/* Octets in somebody's memory. */
typedef struct weir_str {
	const char *data;
	size_t len;
} weir_str;

typedef struct weir_stream weir_stream;

/*
 * What a kind of connection does; one constant table per kind. Each member may
 * be NULL. A stream calls, in this order: open once; data, drain, idle any
 * number of times; end at most once; gone once, unless you closed it.
 */
typedef struct weir_stream_ops {
	/* Connected, or accepted. arg is the listener's until weir_stream_on. */
	void (*open)(weir_stream *stream, void *arg);
	/*
	 * Octets have come. Returns how many of them were used; the rest is kept
	 * and offered again, in one piece with what came after it: with more
	 * octets, before `end`, or after weir_hold(stream, false); never by itself.
	 * data is valid during the call. NULL: octets are dropped.
	 */
	size_t (*data)(weir_stream *stream, const char *data, size_t len, void *arg);
	/* The peer sends no more. NULL: weir_finish is called for you. */
	void (*end)(weir_stream *stream, void *arg);
	/* The queue has fallen to the low mark after it was above the high one, or a
	   write that was refused as WEIR_EFULL may be tried again. */
	void (*drain)(weir_stream *stream, void *arg);
	/* Nothing was read or written for the idle limit. It starts anew when you
	   return. NULL: the stream ends with gone(WEIR_ETIMEOUT). */
	void (*idle)(weir_stream *stream, void *arg);
	/*
	 * The stream has ended by itself and is dead when you return: 0 after
	 * both directions have ended, WEIR_ETIMEOUT, WEIR_ETOOBIG, or -errno
	 * (-ECONNREFUSED, -ECONNRESET, -EPIPE …).
	 */
	void (*gone)(weir_stream *stream, int why, void *arg);
} weir_stream_ops;

/* Memory to read into. */
typedef struct weir_vec {
	void *data;
	size_t len;
} weir_vec;

/*
 * What stands between streams and their sockets, so that TLS of your choice can
 * be plugged in. One constant table for a listener or a connect; sessions are
 * yours, found by descriptor. readv and writev return octets moved (read: 0 is
 * the end), -EAGAIN, or another -errno or WEIR_E… code which ends the stream.
 */
typedef struct weir_transport {
	/* Before the first octet / after the last. open < 0 drops the connection. */
	int (*open)(int fd, void *arg);
	void (*close)(int fd, void *arg);
	int64_t (*readv)(int fd, const weir_vec *vec, int n, void *arg);
	int64_t (*writev)(int fd, const weir_vec *vec, int n, void *arg);
	/* Says that no more will be written; 0, -EAGAIN (again when writable), or < 0. */
	int (*shutdown)(int fd, void *arg);
	/* Octets that readv would give although the socket has none. They are
	   read without waiting for an event. */
	size_t (*pending)(int fd, void *arg);
	/* Octets taken by writev that the socket has not; they make the stream
	   call writev with n 0 when it is writable. NULL: never any. */
	size_t (*unsent)(int fd, void *arg);
} weir_transport;

/* Options of weir_listen, weir_connect and weir_adopt. Zeroed: defaults. */
typedef struct weir_stream_opts {
	const weir_transport *transport; /* NULL: the socket itself */
	void *transport_arg;
	int32_t backlog;    /* listen: 0 is the system's largest */
	int32_t max_conns;  /* listen: accepted and alive; 0 or WEIR_OFF: no limit */
	int32_t idle_ms;    /* idle limit of its streams; 0 or WEIR_OFF: none */
	int32_t low, high;  /* octets: the marks of the queue; 0: 16 KiB and 64 KiB; at most
	                       high and max_queue */
	int32_t max_queue;  /* octets: writes beyond are WEIR_EFULL; 0: 4 MiB */
	int32_t max_unread; /* octets kept for a data callback; 0: 64 KiB */
	bool reuse_port;    /* listen: SO_REUSEPORT; -ENOTSUP where there is none */
	bool v6_only;       /* listen: [::] does not take IPv4 */
} weir_stream_opts;

typedef struct weir_listener weir_listener;

/*
 * Listens. address: `127.0.0.1:80`, `[::1]:80`, `:80` (every address, IPv6 with
 * IPv4 where there is IPv6), `80` the same, `unix:/path`, `unix:@name` (Linux),
 * `fd:3` (a listening socket that was inherited), `systemd:NAME` (one passed by
 * socket activation). Port 0 lets the system choose; weir_listener_address
 * tells. A unix path that nobody listens on is replaced, and removed again at
 * the close by the process that made it.
 *
 * ops must outlive the streams; opts may be NULL and is copied. *listener may be
 * NULL when it is not needed: then it lives until the loop is freed.
 *
 * Accepting is bounded per turn. Out of descriptors or memory, or at max_conns,
 * connections wait in the backlog: a connection that says it may be dropped
 * (an idle HTTP connection) is closed to make room, else accepting goes on
 * with the next close, or after 100 ms.
 *
 * Returns 0, WEIR_EADDRESS, or -errno (-EADDRINUSE, -EACCES, -EMFILE …).
 */
int weir_listen(weir_loop *loop, weir_listener **listener, const char *address,
                const weir_stream_opts *opts, const weir_stream_ops *ops, void *arg);
/* Stops listening. Streams that it accepted live on. */
void weir_listener_close(weir_listener *listener);
/* The address in the form weir_listen takes, into text; its length, or -ENOSPC. */
int weir_listener_address(const weir_listener *listener, char *text, size_t size);

/*
 * Has connections from trusted peers begin with a PROXY header, of version 1 or 2 of
 * HAProxy's specification: so a proxy or load balancer tells of whom they are. trusted
 * is a comma list of addresses and networks, as "127.0.0.0/8, ::1", and `unix` for all
 * who come by a unix socket; a network may have no bits behind its prefix. It is copied.
 * From now on; again: another list. NULL: nobody has to.
 *
 * The header is read before anything else, also before the transport, whose open must
 * not read therefore. open is called when it is complete: the peer is the one that it
 * names, for weir_peer and all that goes by it. A client that the proxy has on a unix
 * socket is "unix:", whatever its path; UNKNOWN, LOCAL and an unspecified family leave
 * the peer as it is. What is said in TLVs is passed over.
 *
 * A header that is malformed, longer than 4096 octets, of another protocol than TCP and
 * unix streams, or not complete in 10 s (or the listener's idle limit, if that is
 * shorter) has the connection closed, and nothing is called. The same happens to those
 * that are not complete when the listener is closed. Peers that are not trusted are
 * served as who they are, and their octets as they come. Connections count against
 * max_conns from accept on.
 *
 * Returns 0, or with nothing changed WEIR_EINVALID for a malformed list or -ENOMEM.
 */
int weir_listener_proxy(weir_listener *listener, const char *trusted);

/*
 * Connects to a numeric address with a port, or to a unix one; nothing is looked up.
 * opts and ops as above. Returns 0 with *stream set, or < 0 with *stream NULL and
 * nothing to wait for: WEIR_EADDRESS, -EMFILE, -ENOMEM … That the peer refuses is
 * told by gone, also where the kernel knows at once. The idle limit counts from now:
 * it is how long the peer may take to answer. Writing is possible at once; it is
 * sent after open.
 */
int weir_connect(weir_loop *loop, weir_stream **stream, const char *address,
                 const weir_stream_opts *opts, const weir_stream_ops *ops, void *arg);

/*
 * Makes a stream of a descriptor that you opened (a socket, pipe or terminal);
 * the stream closes it. On failure it stays yours: -ENOMEM, -EBADF, -EMFILE,
 * -EBUSY (watched already).
 */
int weir_adopt(weir_loop *loop, weir_stream **stream, int fd, const weir_stream_opts *opts,
               const weir_stream_ops *ops, void *arg);

/*
 * Writes. Returns how many octets are queued now (0: the kernel has them all),
 * or < 0 with nothing taken and the stream unharmed: WEIR_EFULL when len does
 * not fit below max_queue or there is no memory for it, WEIR_ECLOSED after
 * weir_finish or when the peer is known to be gone. What the kernel does not
 * take at once is copied. An error of the kernel is told by gone, not here.
 */
int64_t weir_write(weir_stream *stream, const void *data, size_t len);
int64_t weir_writev(weir_stream *stream, const weir_str *pieces, int n);

typedef void weir_ref_fn(weir_stream *stream, int status, void *arg);

/*
 * Writes without copying: data stays yours and must not change until `done`. 0:
 * all is sent, done is not called. > 0: octets queued; done(status) comes
 * exactly once, from the loop: 0 when data is no longer needed, or why the
 * stream ended, then before `gone`. weir_close gives the reference back by its
 * return, without a call. < 0: as weir_write.
 */
int64_t weir_write_ref(weir_stream *stream, const void *data, size_t len, weir_ref_fn *done,
                       void *arg);

/*
 * No more will be written: what is queued is sent, then the direction is closed.
 * Octets of the peer still arrive; when both directions have ended gone(0) is
 * the last call. Again: nothing happens.
 */
void weir_finish(weir_stream *stream);

/* Closes at once and drops what is queued. Frees the stream. */
void weir_close(weir_stream *stream);

/* Stops (true) or resumes (false) reading. What is unread is offered again
   after a resume, from the loop. */
void weir_hold(weir_stream *stream, bool hold);

/*
 * The marks of the queue: drain is called when it falls to low after having
 * been above high, or after a refusal; writes past max are refused. 0 keeps the present value.
 * Returns 0, -ENOMEM, or WEIR_EINVALID unless low <= high <= max.
 */
int weir_marks(weir_stream *stream, int32_t low, int32_t high, int32_t max);

/* The idle limit from now on; 0 or WEIR_OFF: none. Octets read or written count. */
void weir_idle(weir_stream *stream, int32_t ms);

/* Changes the role: from now on these callbacks with this pointer; ops must outlive the
   stream. What is unread already is offered to them with more, or by weir_hold(stream, false). */
void weir_stream_on(weir_stream *stream, const weir_stream_ops *ops, void *arg);

/* Octets queued and not yet taken by the kernel. */
int64_t weir_queued(const weir_stream *stream);

/* The peer's / the own address, as text in the form weir_connect takes; its
   length, or -ENOSPC; "unix:" for a peer without a name. */
int weir_peer(const weir_stream *stream, char *text, size_t size);
int weir_local(const weir_stream *stream, char *text, size_t size);

int weir_nodelay(weir_stream *stream, bool on);
/* Keep-alive probes of TCP after so many seconds of silence; 0: none. */
int weir_keepalive(weir_stream *stream, int seconds);

void *weir_stream_arg(const weir_stream *stream);
weir_loop *weir_stream_loop(const weir_stream *stream);
/* The descriptor, for options of your own; the stream keeps it. */
int weir_stream_fd(const weir_stream *stream);

/* ---- the hidden loop ---------------------------------------------------- */

/*
 * A program without main: define this function. It is called with a fresh loop;
 * the loop runs when it returns 0 and the program ends when nothing holds the
 * loop any more. A negative result is printed and the program exits 1. SIGINT
 * and SIGTERM drain it, a second one ends it: with clients of an HTTP server that
 * are idle draining may take its drain_idle_ms, 5 s. A program with a main of its
 * own makes its loops itself.
 */
int weir_setup(weir_loop *loop, int argc, char **argv);

/*
 * Registers what shall happen when the program is asked to drain: listeners are
 * closed by weir itself, then the tasks registered here are called. For the
 * HTTP server that is done already.
 */
int weir_at_drain(weir_loop *loop, weir_task *task);
/*
 * Closes all listeners of the loop (pointers to them are dead then), has HTTP
 * servers end as weir_server_drain does, without a deadline, and calls the tasks
 * of weir_at_drain, from the loop. A second time there is nothing left to do.
 */
void weir_loop_drain(weir_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
