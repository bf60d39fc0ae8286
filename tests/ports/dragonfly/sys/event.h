#ifndef PORTS_DRAGONFLY_SYS_EVENT_H
#define PORTS_DRAGONFLY_SYS_EVENT_H
#define PORTS_KEVENT_DATA_T intptr_t
#define PORTS_KEVENT_MORE
#include_next <sys/event.h>

#endif
