#ifndef PORTS_STDLIB_H
#define PORTS_STDLIB_H
#include <stddef.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
_Noreturn void abort(void);
_Noreturn void exit(int);
void *calloc(size_t, size_t);
void free(void *);
void *malloc(size_t);
void *realloc(void *, size_t);
char *getenv(const char *);
long strtol(const char *restrict, char **restrict, int);
unsigned long strtoul(const char *restrict, char **restrict, int);
int posix_memalign(void **, size_t, size_t);

#endif
