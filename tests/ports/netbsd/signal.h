#ifndef PORTS_NETBSD_SIGNAL_H
#define PORTS_NETBSD_SIGNAL_H
#include_next <signal.h>

int sigtimedwait(const sigset_t *restrict, siginfo_t *restrict, const struct timespec *restrict);

#endif
