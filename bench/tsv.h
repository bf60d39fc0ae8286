/* tsv.h: where do results go that another program shall read? */
#ifndef WEIR_BENCH_TSV_H
#define WEIR_BENCH_TSV_H

#include <stdio.h>

/* Opens the file for more lines, and writes the header when there are none; exits with 1 when
   it cannot. */
FILE *tsv_open(const char *path, const char *header);

/* Exits with 1 when not all could be written. NULL is nothing. */
void tsv_close(FILE *file);

#endif
