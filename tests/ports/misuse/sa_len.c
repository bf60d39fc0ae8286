/* refused: posix illumos solaris10 */
#include "config.h"

#include <sys/socket.h>

const struct sockaddr used = {.sa_len = sizeof(used)};
