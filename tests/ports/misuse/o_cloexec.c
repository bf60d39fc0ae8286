/* refused: solaris10 */
#include "config.h"

#include <fcntl.h>

const int used = O_CLOEXEC | F_DUPFD_CLOEXEC;
