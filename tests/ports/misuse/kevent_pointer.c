/* refused: posix netbsd9 illumos solaris10 */
/* udata is a number on old NetBSD. */
#include "config.h"

#include <sys/types.h>
#include <sys/event.h>

void used(struct kevent *change, void *mine)
{
	change->udata = mine;
}
