/* refused: posix macos solaris10 */
#include "config.h"

#include <sys/socket.h>

int (*const used)(int, struct sockaddr *restrict, socklen_t *restrict, int) = accept4;
