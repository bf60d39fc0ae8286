/* refused: posix freebsd dragonfly netbsd9 netbsd10 openbsd macos */
#include "config.h"

#include <sys/types.h>
#include <sys/sendfile.h>

ssize_t used(off_t *at)
{
	return sendfile(1, 0, at, 4096);
}
