/*
 * Who is running? The thread, the process, whether they are watched, and how the
 * system calls its errors.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "backend/sys.h"

const bool weir__sys_debug = WEIR_DEBUG;

/* pthread_t is a number or a pointer on every system that weir knows. */
uintptr_t weir__sys_thread(void)
{
	return (uintptr_t)pthread_self();
}

void weir__sys_yield(void)
{
	(void)sched_yield();
}

int64_t weir__sys_pid(void)
{
	return (int64_t)getpid();
}

/* Unlike strerror_r, strerror has the same type everywhere. */
const char *weir__sys_error(int number)
{
	int saved = errno;
	const char *text = strerror(number);

	errno = saved;
	return text != NULL ? text : "unknown error";
}
