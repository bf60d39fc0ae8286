#ifndef PORTS_FREEBSD_SIGNAL_H
#define PORTS_FREEBSD_SIGNAL_H
#include_next <signal.h>

int sigtimedwait(const sigset_t *restrict, siginfo_t *restrict, const struct timespec *restrict);

#endif
