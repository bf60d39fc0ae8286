#ifndef PORTS_BSD_SYS_EVENT_H
#define PORTS_BSD_SYS_EVENT_H
#include <sys/types.h>
#include <time.h>

struct kevent {
	uintptr_t ident;
	short filter;
	unsigned short flags;
	unsigned fflags;
	PORTS_KEVENT_DATA_T data;
	void *udata;
	PORTS_KEVENT_MORE
};
#define EV_SET(kev, a, b, c, d, e, f) \
	do { \
		struct kevent *ports_kev = (kev); \
		ports_kev->ident = (a); \
		ports_kev->filter = (b); \
		ports_kev->flags = (c); \
		ports_kev->fflags = (d); \
		ports_kev->data = (e); \
		ports_kev->udata = (f); \
	} while (0)
#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
enum { EV_ADD = 1, EV_DELETE = 2, EV_ERROR = 0x4000, EV_EOF = 0x8000 };
int kqueue(void);
int kevent(int, const struct kevent *, int, struct kevent *, int, const struct timespec *);

#endif
