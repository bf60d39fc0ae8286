/*
 * weir: event-driven network programs in C.
 *
 * A loop watches descriptors and clocks and calls you back; everything else
 * here hangs on a loop. The rules that hold for all of it:
 *
 * Results. Functions return >= 0 for success and < 0 for failure: -errno or one
 * of the WEIR_E… codes below. weir_strerror names both; errno is never read or
 * promised. weir does not abort, exit or print; only a child that it forks for you
 * ends when its loop does. It leaves signal dispositions alone until you watch a
 * signal, or, where the kernel has no other way, start a child.
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
	WEIR_ECLOSED = -10000,   /* the peer or the object is gone already */
	WEIR_EFULL = -10001,     /* the queue is at its limit; nothing was taken */
	WEIR_ETOOBIG = -10002,   /* more unread octets than allowed */
	WEIR_ETIMEOUT = -10003,  /* a time limit has passed */
	WEIR_EADDRESS = -10004,  /* not an address weir understands */
	WEIR_ESTATE = -10005,    /* not possible in this state (begun, ended, not started) */
	WEIR_EINVALID = -10006,  /* an argument outside of what is documented */
	WEIR_ETHREAD = -10007,   /* called from another thread than the loop's (--enable-debug) */
	WEIR_EDRAINED = -10008,  /* closed to make room for others */
	WEIR_ESHORT = -10009,    /* ended before all that was announced had come */
	WEIR_EMALFORMED = -10010 /* what came is not what was agreed on */
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
 * streams, channels, children, started clusters, started weir_io and ordinary
 * timers, pending tasks and posts, weir_loop_hold. Not by: signal watchers,
 * unref'd timers and channels.
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
	uint32_t state;
	int32_t next;
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
	int32_t defer_ms;   /* listen: who sends nothing is not accepted; 0 or WEIR_OFF: is */
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
 * A socket that was passed to the process for the address (LISTEN_FDS: by systemd, or by
 * the program whose next version this one is) is taken, once, instead of making a new
 * one; backlog, reuse_port, v6_only and defer_ms are what they were.
 *
 * With defer_ms the kernel keeps a TCP connection to itself until octets have come, so that
 * nothing wakes for who only connects; a limit of yours counts from then. Linux accepts the
 * silent ones after about that time, in whole seconds, if they are still there; FreeBSD and
 * NetBSD, with the accept filter "dataready" loaded, do not. It is a wish: other systems and
 * unix sockets accept at once. Not for protocols in which the server speaks first.
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

/* A process and whose it is, as the system numbers them. */
typedef struct weir_ids {
	int64_t uid, gid;
	int64_t pid; /* -1: the system does not tell (FreeBSD), or not to this process */
} weir_ids;

/*
 * Who is at the other end of a unix socket: the process that connected, that listened or
 * that made the pair, and its effective user and group at that time; the process may have
 * ended since, and its number be another's. Behind a proxy it is the proxy. Returns 0, or,
 * with *ids as it was, -ENOTSUP (no unix socket, or a system that does not tell) or another
 * -errno, as -ENOTSOCK for a pipe.
 */
int weir_peer_ids(const weir_stream *stream, weir_ids *ids);

int weir_nodelay(weir_stream *stream, bool on);
/* Keep-alive probes of TCP after so many seconds of silence; 0: none. */
int weir_keepalive(weir_stream *stream, int seconds);

void *weir_stream_arg(const weir_stream *stream);
weir_loop *weir_stream_loop(const weir_stream *stream);
/* The descriptor, for options of your own; the stream keeps it. */
int weir_stream_fd(const weir_stream *stream);

/* ---- channels ------------------------------------------------------------ */

/*
 * A channel carries messages, and descriptors, between two processes of one
 * machine: whole, in order, both ways. It stands on a pair of local sockets.
 *
 * A descriptor that is passed stays open here until the other side confirms that it
 * has it. When the other side dies before, or has no room for it, it is given back
 * (`returned`): it is never lost on the way.
 */
typedef struct weir_chan weir_chan;

/* Types of messages below this are yours; the others are weir's. */
#define WEIR_CHAN_TYPES UINT32_C(0x80000000)

/* A constant table that outlives the channel; each member may be NULL. gone is called once,
   unless you closed the channel. */
typedef struct weir_chan_ops {
	/*
	 * A message; data is valid during the call, and may lie at any address. fd is a descriptor that came with it,
	 * non-blocking if the sender's was, close-on-exec, and yours to close; or -1.
	 * NULL: messages are dropped, descriptors closed.
	 */
	void (*message)(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
	                void *arg);
	/* A message that was refused as WEIR_EFULL may be tried again, or the queue has
	   fallen to a quarter of max_queue after it was above the half. */
	void (*drain)(weir_chan *chan, void *arg);
	/* A descriptor that was passed has not arrived, and is yours again, with the message
	   it went with. NULL: it is closed. Not told of what was sent on a channel that ends
	   by an error of this side: it may be in use over there. */
	void (*returned)(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
	                 void *arg);
	/*
	 * The channel has ended and is dead when you return: 0, the other side has ended it,
	 * or its process has; WEIR_EMALFORMED, WEIR_ETOOBIG or WEIR_ESHORT (a message was
	 * cut) for what came; or -errno (-ECONNRESET: the other side left unread messages).
	 */
	void (*gone)(weir_chan *chan, int why, void *arg);
} weir_chan_ops;

/* Zeroed: defaults. */
typedef struct weir_chan_opts {
	int32_t max_message; /* octets, both ways, the same at both ends: one that is longer ends
				the channel; 0: 64 KiB; at most 16 MiB */
	int32_t max_queue;   /* octets written and not yet taken, 8 more for each message; 0:
				1 MiB, or what two of the largest messages need */
	int32_t max_passing; /* descriptors not yet confirmed; 0: 64 */
} weir_chan_opts;

/*
 * Makes a channel of one end of a pair of local stream sockets (socketpair), which it
 * will close. opts may be NULL and is copied. Without ops messages wait for weir_chan_on.
 * Holds the loop once it has ops, unless weir_chan_unref says otherwise, before or after. A
 * loop that is not held does not wait for what is queued (a forked child does, at its
 * end). Returns 0; -EBADF, -ENOTSOCK,
 * -EINVAL (no such socket), -ENOMEM, -EMFILE, -EBUSY or WEIR_EINVALID (a limit that
 * makes no sense): then fd stays yours.
 */
int weir_chan_open(weir_loop *loop, weir_chan **chan, int fd, const weir_chan_opts *opts,
                   const weir_chan_ops *ops, void *arg);
/*
 * The channel to the process that started this one with `channel`, found by the
 * environment variable WEIR_CHANNEL, which is meant for this process alone and is not
 * handed on. Once per process; for options of your own before weir_ready, which needs it,
 * too. -ENOENT: there is none; else as weir_chan_open.
 */
int weir_chan_inherit(weir_loop *loop, weir_chan **chan, const weir_chan_opts *opts,
                      const weir_chan_ops *ops, void *arg);

/*
 * Sends a message. Returns the octets that are queued now, or < 0 with nothing taken:
 * WEIR_EFULL (see drain), WEIR_ECLOSED after weir_chan_finish or the end, WEIR_ETOOBIG
 * beyond max_message, WEIR_EINVALID for a type that is weir's, or for data NULL and len > 0.
 */
int64_t weir_chan_send(weir_chan *chan, uint32_t type, const void *data, size_t len);
/*
 * The same with a descriptor, listening or connected, a file or a pipe; it is the
 * channel's from then on: closed here when the other side has confirmed it, or given
 * back by `returned`. On failure it stays yours. -EBADF, and as weir_chan_send.
 */
int64_t weir_chan_pass(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd);

/* Changes the callbacks, as weir_stream_on. */
void weir_chan_on(weir_chan *chan, const weir_chan_ops *ops, void *arg);
/* Stops (true) or resumes (false) taking messages, and with them confirmations, and word of the
   other side's end. */
void weir_chan_hold(weir_chan *chan, bool hold);
/* Says whether the channel holds the loop. */
void weir_chan_unref(weir_chan *chan, bool unref);
/* No more will be sent. The other side hears of the end behind the last message, sends what it
   has queued, and ends its own; then both hear gone(0). Descriptors that it passes meanwhile
   are given back to it. */
void weir_chan_finish(weir_chan *chan);
/* Closes at once; descriptors that were not confirmed are closed with it. */
void weir_chan_close(weir_chan *chan);

/* ---- children ------------------------------------------------------------ */

/*
 * Another process that this one has started. It holds the loop while it runs. Where the
 * kernel has no descriptors for processes, SIGCHLD is caught while there are children,
 * so that all must be of one loop; a handler of your own for it is still called. Only
 * processes that were started here are waited for.
 */
typedef struct weir_child weir_child;

/* A constant table that outlives the child; each member may be NULL, and so may the table. */
typedef struct weir_child_ops {
	/* It has called weir_ready; told once. */
	void (*ready)(weir_child *child, void *arg);
	/* The process has ended: its exit status, or -1 and the signal that ended it. What it
	   wrote may still be on its way. Streams that it read (WEIR_FD_TO) end now, with
	   -EPIPE. */
	void (*exit)(weir_child *child, int code, int signo, void *arg);
	/*
	 * The last call: the process has ended, and the streams made for it and its channel
	 * are at their end, too (which those that are held, or that a child of its own has,
	 * put off). 0; or why it never ran (-ENOENT, -EACCES … of finding the program, of the
	 * folder, of a descriptor or of changing the user), without exit; WEIR_ETIMEOUT after
	 * exit when it was ended because it was not ready in time; -ECHILD, without exit, when
	 * somebody else has waited for it, so that its status is not known.
	 */
	void (*gone)(weir_child *child, int why, void *arg);
} weir_child_ops;

/* What a descriptor of a child is to be. */
typedef enum weir_fd_kind {
	WEIR_FD_INHERIT, /* the same as here; nothing is there: the empty device */
	WEIR_FD_NULL,    /* the empty device */
	WEIR_FD_TO,      /* a pipe that the child reads: a stream here, which only writes */
	WEIR_FD_FROM,    /* a pipe that the child writes: a stream here */
	WEIR_FD_BOTH,    /* a pair of local sockets: a stream here, both ways */
	WEIR_FD_GIVEN,   /* that of `fd`, which stays yours */
	WEIR_FD_STREAM   /* that of `given`, which stays yours; non-blocking */
} weir_fd_kind;

typedef struct weir_child_fd {
	weir_fd_kind kind;
	int32_t fd;
	const weir_stream *given;
	/* Of the stream at our end, as for weir_adopt. ops must outlive it. */
	const weir_stream_ops *ops;
	void *arg;
	weir_stream **stream; /* set to it by weir_spawn; NULL: it is not needed (but who is to
				 end the input of the child?) */
} weir_child_fd;

/* Of weir_spawn. Zeroed but for argv: defaults. */
typedef struct weir_child_opts {
	const char *const *argv; /* required: its name and arguments, NULL at the end */
	const char *file;        /* the program; NULL: argv[0]. Without a slash it is looked for
				    in the PATH of its environment */
	const char *const *env;  /* NAME=VALUE …, NULL at the end; NULL: as here */
	const char *cwd;         /* its folder; NULL or "": as here */
	const weir_child_fd *fds;
	int32_t nfds;     /* descriptors 0 to nfds - 1, at most 256; it gets no others. 0: 0 to 2
			     inherited */
	int64_t uid, gid; /* numbers; 0: as here; else a superuser's supplementary groups are
			     dropped, too */
	bool session;     /* a session and a process group of its own */
	/* A channel, which the child gets by weir_chan_inherit; see weir_child_chan. Without
	   chan_ops its messages are dropped. */
	bool channel;
	const weir_chan_opts *chan_opts;
	const weir_chan_ops *chan_ops;
	void *chan_arg;
	/*
	 * The listening sockets of this loop and of its clusters go along, as systemd would
	 * pass them (LISTEN_FDS): a program that listens on the same addresses takes these
	 * instead of new ones. nfds is 3 or 0 then.
	 */
	bool sockets;
	int32_t ready_ms; /* ended by SIGKILL unless it calls weir_ready in time, which needs a
			     channel; 0 or WEIR_OFF: no limit */
} weir_child_opts;

/*
 * Starts a program. The call does not wait for it: whether it could be run is told by
 * `gone`. opts and what it points to are read during the call. Its signals are not
 * blocked and have the system's dispositions. child may be NULL. Returns 0; -EAGAIN,
 * -ENOMEM, -EMFILE …; -EBUSY: children belong to another loop; WEIR_EINVALID.
 */
int weir_spawn(weir_loop *loop, weir_child **child, const weir_child_opts *opts,
               const weir_child_ops *ops, void *arg);

/*
 * What a forked child does. loop is a fresh one with the parent's allocator and max_memory
 * and nothing in it, chan the channel to the parent, which has no callbacks and does not hold the loop
 * before weir_chan_on. When body returns >= 0, the loop runs until nothing holds it; then
 * the process ends with what body returned as its status (1 when it is negative, or the
 * loop fails), at once and without what exit() does: flush what you print.
 */
typedef int weir_child_body(weir_loop *loop, weir_chan *chan, void *arg);

/*
 * Forks. The child never returns from this call: it closes what this loop has open
 * (listeners, streams, channels, children and the poller; not what you opened
 * yourself, and not what other loops have), runs body, its loop, and ends. No signal that
 * was watched here is watched there. There is always a channel; of opts, which may be NULL,
 * chan_opts (for both ends), chan_ops and chan_arg (for this one) and ready_ms are heeded. Locks that other threads hold stay
 * locked in the child: fork before starting any. Returns as weir_spawn.
 */
int weir_fork_child(weir_loop *loop, weir_child **child, weir_child_body *body, void *body_arg,
                    const weir_child_opts *opts, const weir_child_ops *ops, void *arg);

int64_t weir_child_pid(const weir_child *child);
/* The channel at this end; NULL when there is none, or when it has ended. */
weir_chan *weir_child_chan(const weir_child *child);
/* Sends a signal; 0 only asks whether it is there. 0, -EINVAL, -EPERM, or -ESRCH when it has
   ended. */
int weir_child_kill(weir_child *child, int signo);
/* Forgets it: it runs on, also past ready_ms, does not hold the loop, and is still waited for
   when it ends (unless the loop is freed before). Streams and channel stay what they are, and
   are yours. */
void weir_child_close(weir_child *child);

/*
 * Tells whoever started this program that it is up: the parent by the channel, if there is
 * one, and systemd by NOTIFY_SOCKET, if that is set (not in a forked child). Returns how
 * many were told, or -errno.
 */
int weir_ready(weir_loop *loop);
/*
 * Tells systemd something, as "STOPPING=1" or "STATUS=...". Never waits. 1 when it was
 * told; 0 without NOTIFY_SOCKET; or -errno.
 */
int weir_notify(const char *state);

/* ---- clusters ------------------------------------------------------------ */

/*
 * More cores by more processes: a master that opens the listening sockets and looks after
 * its workers, forked from it, which serve. A worker listens as a program by itself would;
 * for the addresses of weir_cluster_listen it gets the master's sockets.
 *
 * Workers that die are replaced at once; after 3 deaths of one place in a row before it was
 * ready, or 5 within a second of being ready, with growing delays from 100 ms to 10 s. A
 * worker drains and ends when its master tells it to, when it gets SIGTERM (another serves in
 * its place then), and when the master has died; SIGQUIT ends it at once; SIGINT and SIGHUP,
 * which a terminal sends to all, are the master's to hear. It has drained when nothing holds its
 * loop, as after weir_loop_drain; one that ends in any other way, with whatever status, is
 * replaced.
 */
typedef struct weir_cluster weir_cluster;
typedef struct weir_worker weir_worker; /* in a worker, itself */

/* How connections come to workers. */
typedef enum weir_policy {
	/* All accept from one socket; who has more connections than the others have on
	   average steps back. No worker that dies takes along what waits. */
	WEIR_ACCEPT_SHARED,
	/* A socket for each place among the workers, which the kernel spreads connections
	   over. It outlives its worker; while a place stays empty another accepts for it. Not
	   for unix sockets; sockets that are passed must be as many as there are places. */
	WEIR_ACCEPT_REUSEPORT,
	/* The master accepts and hands over, in turn, past those who have more than others. */
	WEIR_ACCEPT_HAND_OVER
} weir_policy;

typedef enum weir_worker_state {
	WEIR_WORKER_STARTING = 1,
	WEIR_WORKER_SERVING,
	WEIR_WORKER_DRAINING
} weir_worker_state;

/* Figures of a worker; counts are modulo 2^32. */
typedef struct weir_worker_info {
	int32_t id; /* from 1 up, never the same again */
	weir_worker_state state;
	int64_t pid;
	uint32_t accepted; /* connections ever */
	uint32_t conns;    /* ... and now */
	uint32_t requests; /* of HTTP, whose heads were good */
} weir_worker_info;

/* Zeroed but for setup: defaults. */
typedef struct weir_cluster_opts {
	/*
	 * Called in each worker, with its own loop: listens, as a program by itself would.
	 * 0: the worker is ready; 1: it will say so by weir_ready; < 0: it ends with status
	 * 1. arg is what it was in the master, copied.
	 */
	int (*setup)(weir_worker *worker, weir_loop *loop, void *arg);
	/* In the worker: a message of the master's. fd as in weir_chan_ops. */
	void (*told)(weir_worker *worker, uint32_t type, const void *data, size_t len, int fd,
	             void *arg);
	/* In the master: a worker is ready; has ended (as weir_child_ops.exit); says something,
	   as weir_chan_ops.message. */
	void (*ready)(weir_cluster *cluster, int32_t id, void *arg);
	void (*exit)(weir_cluster *cluster, int32_t id, int code, int signo, void *arg);
	void (*message)(weir_cluster *cluster, int32_t id, uint32_t type, const void *data,
	                size_t len, int fd, void *arg);
	/* A reload is over: 0, all are new ones; WEIR_ECLOSED or WEIR_ETIMEOUT, in some place new
	   ones would not come up (in time), and the old one serves on. Not told of one that a
	   drain has ended. */
	void (*reloaded)(weir_cluster *cluster, int status, void *arg);
	/* The last worker has ended after weir_cluster_drain. It may be freed in it. */
	void (*drained)(weir_cluster *cluster, void *arg);
	void *arg; /* of all of these */
	weir_policy policy;
	int32_t workers;  /* up to 256; 0: as many as there are processors */
	int32_t drain_ms; /* how long a worker may take to end; 0: 30 s; WEIR_OFF: for ever */
	int32_t ready_ms; /* how long one may take to be ready; 0: 30 s; WEIR_OFF: for ever */
} weir_cluster_opts;

/*
 * Makes a cluster, which nobody serves in before weir_cluster_start; it is drained and freed
 * with its loop. opts is copied. Returns 0, -ENOMEM, or WEIR_EINVALID with *cluster NULL.
 */
int weir_cluster_new(weir_cluster **cluster, weir_loop *loop, const weir_cluster_opts *opts);
/*
 * Opens an address for the workers, before weir_cluster_start; they listen on it by the same
 * text. Of opts, which may be NULL, backlog, v6_only and defer_ms are heeded. Returns as weir_listen;
 * -ENOTSUP where there is no SO_REUSEPORT for that policy; WEIR_ESTATE afterwards.
 */
int weir_cluster_listen(weir_cluster *cluster, const char *address, const weir_stream_opts *opts);
/* The address of the n-th (from 0) as weir_listener_address tells it; -ENOENT: there are not
   so many. */
int weir_cluster_address(const weir_cluster *cluster, int n, char *text, size_t size);
/* Starts the workers. The cluster holds the loop from now on. 0; or WEIR_ESTATE when it was
   started before. A worker that cannot be forked counts as one that died. */
int weir_cluster_start(weir_cluster *cluster);
/*
 * Replaces all workers: for each a new one, and when that is ready the old one drains. While
 * a reload is going on, one more is begun after it. At most four times as many processes as
 * there are places live at once: further ones wait for old ones to end. Where 3 new ones in a
 * row die before they are ready, the old one stays. 0, or WEIR_ESTATE when it does not run.
 */
int weir_cluster_reload(weir_cluster *cluster);
/* Has all workers drain, and closes the sockets. Who has not ended in grace_ms (WEIR_OFF: as
   long as it takes) drops what it has, and is ended by SIGKILL if it has not a second later.
   opts.drained comes when the last one has gone. Again: the earlier deadline holds.
   weir_loop_drain does it with drain_ms. */
void weir_cluster_drain(weir_cluster *cluster, int64_t grace_ms);
/* Ends all workers by SIGKILL, also those that drain, and closes the sockets. NULL is nothing. */
void weir_cluster_free(weir_cluster *cluster);

/* Sends a message to a worker; fd -1, or a descriptor to go with it, which is the caller's no
   more, and is closed should the worker die before it has it. -ESRCH: there is no such
   worker; else as weir_chan_send and weir_chan_pass. */
int64_t weir_cluster_send(weir_cluster *cluster, int32_t id, uint32_t type, const void *data,
                          size_t len, int fd);
/* The figures of all workers alive, into info; how many there are, which may be more than
   n. In the order of their places, old ones of a place first. */
int weir_cluster_workers(const weir_cluster *cluster, weir_worker_info *info, int n);

/* In a worker: which one it is; a message to the master, as weir_cluster_send; the figures of
   all. */
int32_t weir_worker_id(const weir_worker *worker);
int64_t weir_worker_send(weir_worker *worker, uint32_t type, const void *data, size_t len, int fd);
int weir_worker_workers(const weir_worker *worker, weir_worker_info *info, int n);

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
