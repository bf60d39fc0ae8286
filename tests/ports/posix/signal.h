#ifndef PORTS_SIGNAL_H
#define PORTS_SIGNAL_H
#include <sys/types.h>
#include <time.h>

enum {
	SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGPIPE,
	SIGALRM, SIGTERM, SIGSTOP, SIGCHLD, SIGUSR1, SIGUSR2
};
typedef struct {
	unsigned long bits[4];
} sigset_t;
typedef struct {
	int si_signo, si_code;
	pid_t si_pid;
} siginfo_t;
struct sigaction {
	union {
		void (*handler)(int);
		void (*action)(int, siginfo_t *, void *);
	} u;
	int sa_flags;
	sigset_t sa_mask;
};
#define sa_handler u.handler
#define sa_sigaction u.action
#define SIG_DFL ((void (*)(int))0)
#define SIG_IGN ((void (*)(int))1)
enum { SA_RESTART = 2, SA_SIGINFO = 64 };
enum { SIG_BLOCK = 1, SIG_UNBLOCK, SIG_SETMASK };
int kill(pid_t, int);
int pthread_sigmask(int, const sigset_t *restrict, sigset_t *restrict);
int raise(int);
int sigaction(int, const struct sigaction *restrict, struct sigaction *restrict);
int sigaddset(sigset_t *, int);
int sigemptyset(sigset_t *);
int sigfillset(sigset_t *);
int sigismember(const sigset_t *, int);
int sigpending(sigset_t *);
int sigwait(const sigset_t *restrict, int *restrict);

#endif
