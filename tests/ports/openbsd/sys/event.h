#ifndef PORTS_OPENBSD_SYS_EVENT_H
#define PORTS_OPENBSD_SYS_EVENT_H
#define PORTS_KEVENT_DATA_T int64_t
#define PORTS_KEVENT_MORE
#include_next <sys/event.h>

#endif
