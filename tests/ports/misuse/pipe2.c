/* refused: posix macos solaris10 */
#include "config.h"

#include <unistd.h>

int (*const used)(int *, int) = pipe2;
