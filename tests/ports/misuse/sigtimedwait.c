/* refused: posix dragonfly openbsd macos */
#include "config.h"

#include <signal.h>

int (*const used)(const sigset_t *, siginfo_t *, const struct timespec *) = sigtimedwait;
