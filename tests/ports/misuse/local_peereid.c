/* refused: posix freebsd dragonfly openbsd macos illumos solaris10 */
#include "config.h"

#include <sys/types.h>
#include <sys/un.h>

const int used = LOCAL_PEEREID;
const struct unpcbid told = {.unp_pid = 0};
