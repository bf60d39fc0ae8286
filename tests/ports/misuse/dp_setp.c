/* refused: posix freebsd dragonfly netbsd9 netbsd10 openbsd macos solaris10 */
#include "config.h"

#include <sys/devpoll.h>

const struct dvpoll used = {.dp_setp = 0};
