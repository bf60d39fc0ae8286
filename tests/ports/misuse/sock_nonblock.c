/* refused: posix macos solaris10 */
#include "config.h"

#include <sys/socket.h>

const int used = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
