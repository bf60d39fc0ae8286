#ifndef PORTS_FREEBSD_SYS_EVENT_H
#define PORTS_FREEBSD_SYS_EVENT_H
#define PORTS_KEVENT_DATA_T int64_t
#define PORTS_KEVENT_MORE uint64_t ext[4];
#include_next <sys/event.h>

#endif
