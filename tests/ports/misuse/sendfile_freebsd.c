/* refused: posix netbsd9 netbsd10 openbsd macos illumos solaris10 */
#include "config.h"

#include <sys/socket.h>

int used(off_t *sent)
{
	return sendfile(0, 1, 0, 4096, (struct sf_hdtr *)0, sent, 0);
}
