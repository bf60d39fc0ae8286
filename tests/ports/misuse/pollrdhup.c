/* refused: posix freebsd dragonfly netbsd9 netbsd10 openbsd macos illumos solaris10 */
/* Linux has it, FreeBSD since version 13. */
#include "config.h"

#include <poll.h>

const int used = POLLRDHUP;
