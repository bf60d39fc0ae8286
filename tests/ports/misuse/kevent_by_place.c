/* refused: posix freebsd netbsd10 illumos solaris10 */
/* With members that have no initializer: EV_SET knows how many there are. */
#include "config.h"

#include <sys/types.h>
#include <sys/event.h>

const struct kevent used = {0, EVFILT_READ, EV_ADD, 0, 0, 0};
