#ifndef PORTS_NETBSD_SYS_EVENT_H
#define PORTS_NETBSD_SYS_EVENT_H
#include <sys/types.h>
#include <time.h>

/* A number up to version 9. */
#if __NetBSD_Version__ < 1000000000
#define PORTS_UDATA_T intptr_t
#else
#define PORTS_UDATA_T void *
#endif

struct kevent {
	uintptr_t ident;
	uint32_t filter;
	uint32_t flags;
	uint32_t fflags;
	int64_t data;
	PORTS_UDATA_T udata;
#if __NetBSD_Version__ >= 1000000000
	uint64_t ext[4];
#endif
};
static inline void ports_ev_set(struct kevent *kev, uintptr_t ident, uint32_t filter, uint32_t flags,
                                uint32_t fflags, int64_t data, PORTS_UDATA_T udata)
{
	kev->ident = ident;
	kev->filter = filter;
	kev->flags = flags;
	kev->fflags = fflags;
	kev->data = data;
	kev->udata = udata;
}
#define EV_SET(kev, a, b, c, d, e, f) ports_ev_set(kev, a, b, c, d, e, f)
#define EVFILT_READ 0U
#define EVFILT_WRITE 1U
#define EV_ADD 0x0001U
#define EV_DELETE 0x0002U
#define EV_ERROR 0x4000U
#define EV_EOF 0x8000U
/* Who asks for POSIX, or for plain C, does not get these. */
#ifdef _NETBSD_SOURCE
int kqueue(void);
int kqueue1(int);
int kevent(int, const struct kevent *, size_t, struct kevent *, size_t, const struct timespec *);
#endif

#endif
