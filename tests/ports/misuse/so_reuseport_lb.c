/* refused: posix dragonfly netbsd9 netbsd10 openbsd macos illumos solaris10 */
#include "config.h"

#include <sys/socket.h>

const int used = SO_REUSEPORT_LB;
