#ifndef PORTS_PTHREAD_H
#define PORTS_PTHREAD_H
#include <sys/types.h>
#include <signal.h>
#include <time.h>

typedef struct ports_attr *pthread_attr_t;
int pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int pthread_join(pthread_t, void **);
pthread_t pthread_self(void);

#endif
