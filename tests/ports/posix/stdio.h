#ifndef PORTS_STDIO_H
#define PORTS_STDIO_H
#include <stdarg.h>
#include <stddef.h>

typedef struct ports_file FILE;
extern FILE *ports_stdout, *ports_stderr;
#define stdout ports_stdout
#define stderr ports_stderr
int fflush(FILE *);
int fprintf(FILE *restrict, const char *restrict, ...);
int fputs(const char *restrict, FILE *restrict);
int printf(const char *restrict, ...);
int puts(const char *);
int snprintf(char *restrict, size_t, const char *restrict, ...);

#endif
