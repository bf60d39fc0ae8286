/*
 * What does <sys/event.h> look like on a BSD?  The part that a program needs which watches
 * descriptors, in two shapes: FreeBSD's (OpenBSD and macOS are close to it), and with
 * -DSTANDIN_NETBSD that of NetBSD up to 9, where the filters are unsigned and start at 0, the
 * flags have 32 bits, udata is an integer and the counts of kevent() are size_t.
 */
#ifndef STANDIN_SYS_EVENT_H
#define STANDIN_SYS_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef STANDIN_NETBSD

#define EVFILT_READ 0U
#define EVFILT_WRITE 1U

struct kevent {
	uintptr_t ident;
	uint32_t filter;
	uint32_t flags;
	uint32_t fflags;
	int64_t data;
	intptr_t udata;
};

#else

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)

struct kevent {
	uintptr_t ident;
	short filter;
	unsigned short flags;
	unsigned int fflags;
	int64_t data;
	void *udata;
	uint64_t ext[4];
};

#endif

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_DISPATCH 0x0080
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define NOTE_LOWAT 0x0001

/* Without casts, so that a conversion which some BSD would warn of is warned of here too. */
#ifdef STANDIN_NETBSD
#define EV_SET(kevp, a, b, c, d, e, f)                                                             \
	do {                                                                                       \
		struct kevent *kevp_ = (kevp);                                                     \
		kevp_->ident = (a);                                                                \
		kevp_->filter = (b);                                                               \
		kevp_->flags = (c);                                                                \
		kevp_->fflags = (d);                                                               \
		kevp_->data = (e);                                                                 \
		kevp_->udata = (f);                                                                \
	} while (0)
#else
#define EV_SET(kevp, a, b, c, d, e, f)                                                             \
	do {                                                                                       \
		struct kevent *kevp_ = (kevp);                                                     \
		kevp_->ident = (a);                                                                \
		kevp_->filter = (b);                                                               \
		kevp_->flags = (c);                                                                \
		kevp_->fflags = (d);                                                               \
		kevp_->data = (e);                                                                 \
		kevp_->udata = (f);                                                                \
		kevp_->ext[0] = kevp_->ext[1] = kevp_->ext[2] = kevp_->ext[3] = 0;                 \
	} while (0)
#endif

int kqueue(void);

#ifdef STANDIN_NETBSD
int kevent(int kq, const struct kevent *changes, size_t nchanges, struct kevent *events,
           size_t nevents, const struct timespec *timeout);
#else
int kevent(int kq, const struct kevent *changes, int nchanges, struct kevent *events, int nevents,
           const struct timespec *timeout);
#endif

#endif
