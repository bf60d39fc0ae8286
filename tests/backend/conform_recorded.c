/*
 * Was everything asked and seen as it is written down? The traces of all backends are compared
 * with one file, and so are identical.
 */
#include "tests/backend/conform.h"

#include <stdio.h>
#include <stdlib.h>

/* Where the trace is that must be seen; scripts and make say where the source tree is. */
static const char *expected(void)
{
	static char path[4096];
	const char *src = getenv("WEIR_SRCDIR");

	(void)snprintf(path, sizeof(path), "%s/tests/backend/conformance.trace",
	               src != NULL ? src : ".");
	return path;
}

static void what_was_seen_is_what_is_written_down(void **state)
{
	const char *path = getenv("WEIR_CONFORMANCE_TRACE");

	(void)state;
	if (path != NULL && !trace_write(path))
		fail_msg("cannot write %s", path);
	const int differ = trace_compare(expected());
	if (differ < 0)
		fail_msg("cannot read %s: WEIR_SRCDIR is to name the source tree", expected());
	assert_int_equal(differ, 0);
}

int conform_recorded(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_seen_is_what_is_written_down),
	};

	return cmocka_run_group_tests_name("recorded", tests, NULL, NULL);
}
