#ifndef PORTS_SOLARIS_UCRED_H
#define PORTS_SOLARIS_UCRED_H
#include <sys/types.h>

typedef struct ports_ucred ucred_t;
int getpeerucred(int, ucred_t **);
void ucred_free(ucred_t *);
uid_t ucred_geteuid(const ucred_t *);
gid_t ucred_getegid(const ucred_t *);
pid_t ucred_getpid(const ucred_t *);

#endif
