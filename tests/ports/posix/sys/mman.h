#ifndef PORTS_SYS_MMAN_H
#define PORTS_SYS_MMAN_H
#include <sys/types.h>

#define MAP_FAILED ((void *)-1)
/* Not of POSIX.1-2008, but there is no port without it. */
#define MAP_ANON 0x1000
enum { PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, MAP_PRIVATE = 2 };
void *mmap(void *, size_t, int, int, int, off_t);
int munmap(void *, size_t);

#endif
