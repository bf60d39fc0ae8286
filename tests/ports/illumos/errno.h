#ifndef PORTS_ILLUMOS_ERRNO_H
#define PORTS_ILLUMOS_ERRNO_H
#include_next <errno.h>

#define ETIME 62

#endif
