/* refused: posix dragonfly netbsd9 netbsd10 openbsd macos illumos solaris10 */
#include "config.h"

#include <unistd.h>

int (*const used)(unsigned, unsigned, int) = close_range;
