/* refused: posix freebsd dragonfly openbsd macos illumos solaris10 */
#include "config.h"

#include <sys/types.h>
#include <sys/event.h>

int (*const used)(int) = kqueue1;
