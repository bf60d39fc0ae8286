/* option.h: what was asked for? Options as --name=value, for the programs here. */
#ifndef WEIR_BENCH_OPTION_H
#define WEIR_BENCH_OPTION_H

#include <stdbool.h>
#include <stdint.h>

/* The value of "--name=value", name with its dashes; NULL: it is another option. */
const char *option_value(const char *argument, const char *name);

/* The same for a number; true: it was that option. One outside of least to most is said, and
   the program exits with 2. */
bool option_number(const char *argument, const char *name, int64_t least, int64_t most,
                   int64_t *number);

/* A number by itself, likewise. */
int64_t option_parse(const char *text, int64_t least, int64_t most);

#endif
