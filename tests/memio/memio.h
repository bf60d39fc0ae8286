/*
 * A kernel in memory, for tests. The files here implement backend/poller.h and
 * backend/sys.h without any system call and are linked in place of the objects of
 * backend/; a test scripts through this header what the world outside does.
 *
 * Time is virtual. It stands still while the program runs and advances only
 * inside weir__poller_wait: with nothing ready the clock jumps to the next
 * scripted action or to the deadline given, whichever comes first, at once. A
 * wait that would never end returns -EDEADLK, so that a test fails instead of
 * hanging. The same script gives the same run.
 *
 * What the program does against the contract of the two headers (a double close,
 * a close of a registered descriptor, a wrong old mask …) is written down: every
 * test ends with assert_null(memio_misuse()).
 *
 * One kernel per process, one thread. weir__sys_debug is true, so that calls from
 * a wrong thread (memio_set_thread) are noticed. Running out of memory is abort().
 */
#ifndef WEIR_TESTS_MEMIO_MEMIO_H
#define WEIR_TESTS_MEMIO_MEMIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/sys.h"

/* A new kernel: clock 0, no descriptors, no faults, all memory given back. */
void memio_reset(void);

/* ---- time ---- */

/* In milliseconds; the clock itself counts microseconds. */
int64_t memio_now(void);
/* Sets the clock: a start near some border, or between two milliseconds. */
void memio_set_now_us(int64_t us);
/* Lets time pass, as if a callback took so long. */
void memio_pass(int64_t ms);
/* Sets the date that goes with clock 0; 1,000,000,000 (2001-09-09 01:46:40 UTC) at first. */
void memio_set_wall(int64_t seconds);
/*
 * Has the wait call fn(arg) when the clock reaches that time, or the next wait
 * when it has passed. Actions of one time run in the order of their making.
 */
void memio_at(int64_t ms, void (*fn)(void *arg), void *arg);
/* The same, so much later than now. */
void memio_after(int64_t ms, void (*fn)(void *arg), void *arg);
/* The next wait ends at once with no events, as by a signal. */
void memio_interrupt(void);
/* The next wait reports this readiness of fd, if it is wanted, although it is not true. */
void memio_spurious(int fd, unsigned ready);

/* ---- the other ends of connections ---- */

typedef struct memio_client memio_client;

/* How the program's end of a connection looks from the test's. */
enum memio_end {
	MEMIO_OPEN,
	MEMIO_FINISHED, /* the program has half-closed, and still reads */
	MEMIO_CLOSED,   /* it has closed, in order */
	MEMIO_RESET     /* it has reset, or closed with octets unread or unwanted */
};

/*
 * Connects to a listener, and waits in its queue. NULL as the address is the
 * listener that was made first. Returns NULL when nobody listens there or the
 * queue is full. What the program writes is read at once, until a window is set.
 */
memio_client *memio_client_connect(const struct weir__addr *to);
/* The same, with an address of one's own instead of 127.0.0.1 and a new port. */
memio_client *memio_client_connect_from(const struct weir__addr *to, const struct weir__addr *from);
/* Sends octets; as many as you like, the program's window does not count. */
void memio_client_send(memio_client *c, const void *data, size_t len);
void memio_client_send_text(memio_client *c, const char *text);
/* FIN: sends nothing more, still reads. */
void memio_client_finish(memio_client *c);
/* Closes: FIN, and what the program writes afterwards is answered with RST. */
void memio_client_close(memio_client *c);
/* RST: the program can still read what came before it, then -ECONNRESET. */
void memio_client_reset(memio_client *c);
/* All that the program has written so far; with a zero after it, for string tests. */
const char *memio_client_received(const memio_client *c, size_t *len);
/* Forgets what was received so far. */
void memio_client_forget(memio_client *c);
/*
 * Stops reading by itself: at most `room` octets are buffered unread, then the
 * program's writes meet -EAGAIN. SIZE_MAX: reads everything by itself again.
 */
void memio_client_window(memio_client *c, size_t room);
/*
 * The program's end is writable only while there is so much room, 1 at first. A
 * write takes what it finds, as with kernels that tell of room late.
 */
void memio_client_told(memio_client *c, size_t room);
/* Reads up to n buffered octets, which makes as much room. Returns how many. */
size_t memio_client_read(memio_client *c, size_t n);
/* Octets sent that the program has not read yet. */
size_t memio_client_unread(const memio_client *c);
enum memio_end memio_client_closed(const memio_client *c);
/* Whether the program has accepted it. */
bool memio_client_accepted(const memio_client *c);
/* The address that the program sees as its peer. */
const struct weir__addr *memio_client_addr(const memio_client *c);

/* Whose process the program is told it is of, if it came by a unix socket; 0, 0 and none at
   first. */
void memio_client_ids(memio_client *c, int64_t uid, int64_t gid, int64_t pid);

/* ---- connections that the program makes ---- */

/*
 * By themselves they reach listeners of the program (IP: pending and then
 * writable; unix: at once) or are refused (IP: by connect_result; unix: at once).
 */

/* The test listens there too; what the program connects waits to be accepted. */
void memio_server_listen(const struct weir__addr *addr);
/* The test's end of the oldest such connection, or NULL. */
memio_client *memio_server_accept(void);
/* The next connect is refused at once, with this error (a positive errno number). */
void memio_connect_refuse(int error);
/* From now on connects stay pending … */
void memio_connect_hold(bool on);
/* … until the oldest one is decided: 0 or a positive errno number. False: there is none. */
bool memio_connect_decide(int error);

/* ---- what else the program finds ---- */

/* A descriptor of a plain file that holds these octets; the poller refuses it (returns 1). */
int memio_file(const void *data, size_t len);
/* A listening descriptor as if inherited; found by its name too, unless that is NULL. */
int memio_inherited(const struct weir__addr *addr, const char *name);
/* A signal arrives. False when the program does not catch it. */
bool memio_raise(int signo);
/* Whether a unix path exists; making one that nobody listens on; removing it. */
bool memio_path_exists(const char *path);
void memio_path_make(const char *path);
/* What weir__sys_thread and weir__sys_pid say; 1 and 1000 at first. */
void memio_set_thread(uintptr_t number);
void memio_set_pid(int64_t number);

/* ---- limits and faults ---- */

enum memio_call {
	MEMIO_READ,
	MEMIO_WRITE,
	MEMIO_CLOSE,
	MEMIO_ADOPT,
	MEMIO_PIPE,
	MEMIO_WAKE_OPEN,
	MEMIO_WAKE_SEND,
	MEMIO_WAKE_DRAIN,
	MEMIO_SIGNAL_CATCH,
	MEMIO_LISTEN,
	MEMIO_ACCEPT,
	MEMIO_CONNECT,
	MEMIO_CONNECT_RESULT,
	MEMIO_SHUTDOWN,
	MEMIO_LOCAL,
	MEMIO_REMOTE,
	MEMIO_PEER_IDS,
	MEMIO_NODELAY,
	MEMIO_KEEPALIVE,
	MEMIO_READABLE,
	MEMIO_INHERIT,
	MEMIO_POLLER_OPEN,
	MEMIO_POLLER_SET,
	MEMIO_POLLER_DROP,
	MEMIO_POLLER_WAIT,
	MEMIO_POLLER_FORK,
	MEMIO_CALLS
};

/*
 * Lets the nth call of this kind from now on (1 is the next) fail with -error;
 * functions that return nothing then do nothing. Any number may be set up.
 * EINTR ends a wait with no events and changes nothing elsewhere, as the backend
 * retries. ECONNABORTED takes the connection out of accept's queue.
 */
void memio_fail(enum memio_call call, unsigned nth, int error);
/* Lets all calls of this kind fail, until error 0 ends that. */
void memio_fail_all(enum memio_call call, int error);
/* Calls move at most so many octets; 0 is no limit. */
void memio_short_reads(size_t most);
void memio_short_writes(size_t most);
/* How many octets pipes and sockets inside the program hold; 65,536 at first. */
void memio_buffer(size_t room);
/* Descriptors at or beyond this number are -EMFILE; 1,024 at first. */
void memio_fd_limit(int limit);
/* What weir__poller_limit says and set refuses; INT_MAX at first. */
void memio_poller_limit(int limit);

/* ---- what the program did ---- */

/* How often it called, with or without success, since the reset or the last memio_count_again. */
unsigned memio_count(enum memio_call call);
void memio_count_again(void);
/* Descriptors open now / registered with any poller now. */
int memio_open_fds(void);
int memio_registered(void);
/* What the program asked of a descriptor. */
bool memio_has_nodelay(int fd);
int memio_keepalive_of(int fd);
/* The first thing done against the contract, in words; NULL: nothing. */
const char *memio_misuse(void);

#endif
