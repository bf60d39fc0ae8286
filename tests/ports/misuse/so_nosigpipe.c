/* refused: posix openbsd illumos solaris10 */
#include "config.h"

#include <sys/socket.h>

const int used = SO_NOSIGPIPE;
