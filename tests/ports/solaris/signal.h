#ifndef PORTS_SOLARIS_SIGNAL_H
#define PORTS_SOLARIS_SIGNAL_H
#include_next <signal.h>

int sigtimedwait(const sigset_t *, siginfo_t *, const struct timespec *);

#endif
