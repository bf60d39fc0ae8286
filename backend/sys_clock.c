/*
 * What time is it? One clock for deadlines, which nobody can set back, and one
 * for dates.
 */
#include "config.h"

#include <time.h>

#include "backend/sys.h"

/* Not a coarse clock: its steps of up to 10 ms would make a timer early. */
int64_t weir__sys_now_us(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t weir__sys_wall_s(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec;
}
