/* refused: posix freebsd dragonfly netbsd9 netbsd10 openbsd illumos solaris10 */
#include "config.h"

#include <sys/un.h>

const int used = LOCAL_PEERPID;
