#ifndef PORTS_ILLUMOS_PORT_H
#define PORTS_ILLUMOS_PORT_H
#include <sys/types.h>
#include <time.h>

/* Event ports, for evport_fit.c. */
enum { PORT_SOURCE_USER = 3, PORT_SOURCE_FD = 4 };
typedef struct {
	int portev_events;
	unsigned short portev_source;
	unsigned short portev_pad;
	uintptr_t portev_object;
	void *portev_user;
} port_event_t;
int port_create(void);
int port_associate(int, int, uintptr_t, int, void *);
int port_dissociate(int, int, uintptr_t);
int port_getn(int, port_event_t[], unsigned, unsigned *, const struct timespec *);

#endif
