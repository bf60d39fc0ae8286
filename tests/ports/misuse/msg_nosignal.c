/* refused: posix solaris10 */
#include "config.h"

#include <sys/socket.h>

const int used = MSG_NOSIGNAL;
