/*
 * Everything but polling that weir asks of the operating system. The rooms
 * above call the system only through these functions and poller.h, so that a
 * second implementation (tests/memio) can stand in the kernel's place.
 *
 * All return >= 0 for success and -errno for failure; none touches errno as a
 * channel, none sleeps, none raises SIGPIPE. Every descriptor they make is
 * non-blocking and close-on-exec. EINTR is handled inside.
 */
#ifndef WEIR_BACKEND_SYS_H
#define WEIR_BACKEND_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- clocks (sys_clock.c) ---- */

/* Microseconds of a clock that never goes back and counts at its own pace. */
int64_t weir__sys_now_us(void);
/* Seconds since 1970-01-01 UTC, for dates. */
int64_t weir__sys_wall_s(void);

/* ---- threads and processes (sys_thread.c) ---- */

/* --enable-debug: the loops check which thread calls them. */
extern const bool weir__sys_debug;
/* A number that differs between the living threads of this process. */
uintptr_t weir__sys_thread(void);
/* Lets another thread run. */
void weir__sys_yield(void);
/* This process's number, asked anew each time: it changes in a forked child. */
int64_t weir__sys_pid(void);

/* ---- descriptors (sys_fd.c) ---- */

/* A piece of memory to read into or write from. */
struct weir__vec {
	void *data;
	size_t len;
};

/*
 * Reads into the pieces in order / writes them in order. Any descriptor: a
 * socket, pipe, terminal or file. n <= WEIR__VEC_MAX. Returns the octets moved
 * (read: 0 is the end), -EAGAIN when it would block, or another -errno
 * (-EPIPE, -ECONNRESET …).
 */
#define WEIR__VEC_MAX 16
int64_t weir__sys_readv(int fd, const struct weir__vec *vec, int n);
int64_t weir__sys_writev(int fd, const struct weir__vec *vec, int n);

/* Closes; EINTR counts as closed. */
void weir__sys_close(int fd);
/* Makes a descriptor that was made elsewhere non-blocking and close-on-exec. */
int weir__sys_adopt(int fd);
/* Makes one that another program shall have wait in its calls again. */
int weir__sys_disown(int fd);
bool weir__sys_is_open(int fd);
/* A pipe: fd[0] is read, fd[1] written. */
int weir__sys_pipe(int fd[2]);
/* How many descriptors this process may have open at once. */
int weir__sys_fd_limit(void);

/* ---- files (sys_file.c) ---- */

/*
 * Writes to `to` (a socket, or else a pipe) what the file `from` has from this offset on, at most
 * len octets (at least 1). The file's own position is neither used nor changed. Returns the octets
 * that went, perhaps fewer; 0: the file has none there, it ends earlier (also one that has shrunk
 * meanwhile); -EAGAIN: the socket has no room, nothing went; -EINVAL for a negative offset or no
 * length; -ESPIPE for what has no offsets; or another -errno, as of a read of the one (-EISDIR …)
 * or a write to the other.
 */
int64_t weir__sys_sendfile(int to, int from, int64_t offset, int64_t len);

/* ---- wake-ups (sys_wake.c) ---- */

/*
 * A descriptor that becomes readable when it is sent to: an eventfd (both
 * numbers the same) or a pipe. send is safe in signal handlers and threads and
 * leaves errno as it was.
 */
int weir__sys_wake_open(int fd[2]);
void weir__sys_wake_close(int fd[2]);
void weir__sys_wake_send(int fd);
/* Empties it, so that it is no longer readable. */
void weir__sys_wake_drain(int fd);

/* ---- signals (sys_signal.c) ---- */

/*
 * Catching is per process. catch remembers the disposition that a signal had
 * (once) and installs a handler that marks the signal and wakes `wake_fd`; a
 * signal can be caught for one wake_fd only (-EBUSY). -EINVAL for a signal that
 * cannot be caught. release puts the remembered disposition back.
 */
int weir__sys_signal_catch(int signo, int wake_fd);
void weir__sys_signal_release(int signo);
/* How often signo came since the last call; at least 1 if it came at all. */
unsigned weir__sys_signal_take(int signo);
/* Signals are numbered 1 to WEIR__SIGNAL_MAX - 1. */
#define WEIR__SIGNAL_MAX 65
/* The system's numbers for the signals that processes are told things with. */
enum weir__signal_name {
	WEIR__SIGNAL_INTERRUPT,
	WEIR__SIGNAL_TERMINATE,
	WEIR__SIGNAL_HANGUP,
	WEIR__SIGNAL_QUIT,
	WEIR__SIGNAL_KILL,
	WEIR__SIGNAL_CHILD
};
int weir__sys_signal_number(enum weir__signal_name name);
/* In a forked child: what was caught there is the parent's. Dispositions are as they
   were before / before an exec: all are the system's own, also those that were ignored. */
void weir__sys_signals_forget(void);
void weir__sys_signals_default(void);

/* ---- processes (sys_process.c) ---- */

/* In place of a number in weir__spawn.fds. */
enum { WEIR__FD_NULL = -1, WEIR__FD_NONE = -2 };

struct weir__spawn {
	const char *file;  /* a path; without a slash, it is looked for in the PATH of env */
	char *const *argv; /* both end with NULL */
	char *const *env;  /* NULL: this process's */
	const char *cwd;   /* NULL: this process's */
	int *fds;          /* of this process, for the child's 0 to nfds - 1; one that stands at
			      its own place and is not open is as WEIR__FD_NULL. The child has
			      no others. May be changed by the call. */
	int nfds;
	int64_t uid, gid; /* -1: as they are; else supplementary groups are dropped, too */
	bool session;     /* a session and process group of its own */
	char **pid_texts; /* where the child writes its number: 20 octets in env each */
	int npid_texts;
};

/*
 * Starts a program without waiting for its exec; the child's pid, or -errno. From
 * *report weir__sys_report reads what became of it: 1, not known yet; 0, it runs;
 * or the -errno for which it could not.
 */
int64_t weir__sys_spawn(const struct weir__spawn *how, int *report);
int weir__sys_report(int fd);
/* As fork: 0 in the child, which has no caught signals of the parent's. Or -errno. */
int64_t weir__sys_fork(void);
/* Ends this process without a word to the C library, whose buffers are the parent's. */
void weir__sys_exit(int code);
/* A descriptor that is readable once the child has ended, or -errno: -ENOSYS where there
   are none. */
int weir__sys_pidfd(int64_t pid);
/* Whether this kernel has them. */
bool weir__sys_pidfds(void);
/*
 * 1 when the child has ended, 0 when not, -ECHILD when somebody else has heard of it.
 * *code is its status, -1 when a signal ended it; *signo that signal, else 0. Told once.
 */
int weir__sys_reap(int64_t pid, int *code, int *signo);
int weir__sys_kill(int64_t pid, int signo);
/* Closes all from this number on, in a time that depends on how many are open. */
void weir__sys_close_from(int first);
/* This process's environment: NAME=VALUE …, NULL. */
char *const *weir__sys_environment(void);
int weir__sys_processors(void);
/* Memory that stays common to this process and those that it forks; NULL: none. Zeroed. */
void *weir__sys_share(size_t size);
void weir__sys_unshare(void *memory, size_t size);

/* ---- descriptors from process to process (sys_pass.c) ---- */

/* Two ends of a connection that descriptors can go through. */
int weir__sys_pair(int fd[2]);
/* As writev; `passed` goes with the first octet (-1: none). The copy here stays open. */
int64_t weir__sys_write_passing(int fd, const struct weir__vec *vec, int n, int passed);
/*
 * As readv; the descriptors that came are put into passed (at most `room`, in their order;
 * *n tells how many), close-on-exec. *lost: there was no room for one in this process.
 */
#define WEIR__PASSED_MAX 8
int64_t weir__sys_read_passing(int fd, const struct weir__vec *vec, int n, int *passed,
                               int *npassed, bool *lost);
/* 0 when fd is such an end, else -errno. */
int weir__sys_is_pair(int fd);
/* A second number for the same, close-on-exec; or -errno. */
int weir__sys_dup(int fd);

/* ---- sockets (sys_socket.c) ---- */

enum weir__addr_kind { WEIR__ADDR_NONE, WEIR__ADDR_IP4, WEIR__ADDR_IP6, WEIR__ADDR_UNIX };

/* The longest unix path, with its terminating zero; shorter on some systems. */
#define WEIR__PATH_MAX 108

struct weir__addr {
	uint8_t kind;
	bool abstract;    /* unix: a name of Linux's abstract space, no leading zero in path */
	uint8_t path_len; /* unix: octets in path, without the terminating zero */
	uint16_t port;    /* IP: in host order */
	uint32_t scope;   /* IPv6: the interface's number, or 0 */
	union {
		uint8_t ip[16]; /* IPv4 uses the first four; network order */
		char path[WEIR__PATH_MAX];
	} u;
};

struct weir__listen_how {
	int backlog;     /* 0: the system's largest */
	bool reuse_port; /* SO_REUSEPORT: -ENOTSUP where there is none */
	bool v6_only;    /* IPv6 wildcard does not take IPv4 */
	int defer_s;     /* > 0: TCP connections are not accepted before octets have come, or,
			    where the kernel counts, so many seconds have passed. No more than
			    a wish: where it cannot be, they are accepted at once. */
};

/*
 * A listening socket with SO_REUSEADDR, and TCP_NODELAY where it is inherited
 * by what is accepted. A unix path that nobody listens on any more is replaced;
 * one with a listener is -EADDRINUSE.
 */
int weir__sys_listen(const struct weir__addr *addr, const struct weir__listen_how *how);
/* Removes a unix path that listen made; nothing for other addresses. */
void weir__sys_unlisten(const struct weir__addr *addr);
/*
 * Accepts one connection: its descriptor, with *peer filled in. -EAGAIN: none
 * waits. -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS: no room. Connections that died in
 * the queue are -ECONNABORTED: try again. TCP_NODELAY is set here only where it
 * is not inherited from the listener. peer may be NULL.
 */
int weir__sys_accept(int fd, struct weir__addr *peer);
/*
 * Starts to connect. Returns a descriptor: *pending says whether the connection
 * is still on its way (then it becomes writable, and connect_result tells), and
 * *result is 0 or the -errno with which connect itself was refused at once. A
 * negative return means that there is no descriptor.
 */
int weir__sys_connect(const struct weir__addr *addr, bool *pending, int *result);
/* The outcome of a pending connect: 0 or -errno. Clears it. */
int weir__sys_connect_result(int fd);
/* Half-closes for writing. */
int weir__sys_shutdown(int fd);
/* Makes the close that follows a reset: what is unsent is dropped. */
void weir__sys_reset_on_close(int fd);
/* The address of this end / of the other end. As with accept, one of IPv4 is told as such,
   also where a socket of IPv6 has it as ::ffff:a.b.c.d. */
int weir__sys_local(int fd, struct weir__addr *addr);
int weir__sys_remote(int fd, struct weir__addr *addr);
/*
 * Who is at the other end of a unix connection: the user and group that its process had when it
 * connected, listened or made the pair, and that process (-1: not told). -ENOTSUP for other
 * connections, and for all where the system does not tell. (sys_ids.c)
 */
int weir__sys_peer_ids(int fd, int64_t *uid, int64_t *gid, int64_t *pid);
int weir__sys_nodelay(int fd, bool on);
/* TCP keep-alive after `seconds` of silence; 0 switches it off. */
int weir__sys_keepalive(int fd, int seconds);
/* 1 when a read would find octets or the end at once, 0 when not. */
int weir__sys_readable(int fd);

/* ---- what was inherited (sys_inherit.c) ---- */

/* Checks that fd is a listening stream socket and adopts it. 0 or -errno. */
int weir__sys_inherit(int fd);
/*
 * The number of the socket that systemd passed under this name (LISTEN_FDS,
 * LISTEN_PID, LISTEN_FDNAMES), adopted; an empty name is the first.
 * -ENOENT when there is none.
 */
int weir__sys_inherit_named(const char *name, size_t len);
/* The same for the one that listens on this address (port 0: on any port), each once. */
struct weir__addr;
int weir__sys_inherit_addr(const struct weir__addr *addr);
/* The end of a channel that the process that started this one has kept the other of
   (WEIR_CHANNEL): once; -ENOENT when there is none. */
int weir__sys_inherit_channel(void);
/* Sends a datagram to whom NOTIFY_SOCKET names: 1, 0 when it names nobody, or -errno. */
int weir__sys_notify(const char *text, size_t len);

/* ---- names of errors (sys_thread.c) ---- */

/* The system's text for a positive errno number; never NULL; in static storage. */
const char *weir__sys_error(int number);

#endif
