/* refused: posix openbsd macos illumos solaris10 */
#include "config.h"

#include <netinet/tcp.h>

const int used = TCP_KEEPIDLE;
