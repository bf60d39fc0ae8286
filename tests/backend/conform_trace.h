/*
 * What does a scenario ask of the poller, and what does it see? The lines that are recorded of it
 * name descriptors by the order of their first use (#1, #2 …) and events in canonical form, so
 * that they are the same on every kernel; conformance.trace holds what they must be.
 */
#ifndef WEIR_TESTS_BACKEND_CONFORM_TRACE_H
#define WEIR_TESTS_BACKEND_CONFORM_TRACE_H

#include <stdbool.h>

#include "backend/poller.h"

/* Of the masks of poller.h: "in", "out", "in+out", "nothing". */
const char *trace_mask(unsigned mask);
/* Of errors that the suite meets: "EBADF" …; "an error" for others. */
const char *trace_error(int number);

/* From now on lines are of this scenario. The name must last. */
void trace_begin(const char *name);
/* A line of it, as printf. */
void trace(const char *format, ...);
/* Between these nothing is recorded: what is done to many is one line of its own. */
void trace_pause(void);
void trace_resume(void);
/* What was recorded of it does not count: it cannot be played here. */
void trace_skipped(const char *why);

/* "#3": the descriptor's name, given now if it has none. In static storage, good for a few calls. */
const char *trace_name(int fd);
/* "#3 and #4", named in this order. */
const char *trace_names(int first, int second);
/* Its number, as 3; 0 when it has none and nothing is recorded. */
int trace_place(int fd);
/* It is closed: whoever has the number next is another. */
void trace_forget(int fd);

/* Writes all that was recorded, in the form of conformance.trace. */
bool trace_write(const char *path);
/*
 * Compares it with such a file: each scenario must be there, and must have run as it is written
 * there, or have been skipped. Says the first line that differs of each. Returns how many differ,
 * or -1 when the file cannot be read.
 */
int trace_compare(const char *path);

#endif
