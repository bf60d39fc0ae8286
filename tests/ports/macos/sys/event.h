#ifndef PORTS_MACOS_SYS_EVENT_H
#define PORTS_MACOS_SYS_EVENT_H
#define PORTS_KEVENT_DATA_T intptr_t
#define PORTS_KEVENT_MORE
#pragma pack(4)
#include_next <sys/event.h>
#pragma pack()

#endif
