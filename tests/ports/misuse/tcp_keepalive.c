/* refused: posix freebsd dragonfly netbsd9 netbsd10 openbsd illumos solaris10 */
#include "config.h"

#include <netinet/tcp.h>

const int used = TCP_KEEPALIVE;
