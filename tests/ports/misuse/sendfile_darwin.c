/* refused: posix freebsd dragonfly netbsd9 netbsd10 openbsd illumos solaris10 */
#include "config.h"

#include <sys/socket.h>

int used(off_t *len)
{
	return sendfile(0, 1, 0, len, (struct sf_hdtr *)0, 0);
}
