#ifndef PORTS_SCHED_H
#define PORTS_SCHED_H
int sched_yield(void);

#endif
