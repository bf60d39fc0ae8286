/* refused: posix */
#include "config.h"

#include <sys/socket.h>

const int used = MSG_DONTWAIT;
