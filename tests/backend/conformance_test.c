/*
 * Does the poller that is linked here keep the contract of backend/poller.h?
 * Every backend must pass, on every kernel: a port is done when this is quiet.
 */
#include "tests/backend/conform.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WATCHDOG_S = 300 };

int main(void)
{
	struct rlimit lim;

	(void)alarm(WATCHDOG_S);
	(void)signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	print_message("poller: %s\n", weir__poller_name());
	/* One scenario, or those of a pattern; then the traces are not compared. */
	cmocka_set_test_filter(getenv("WEIR_CONFORMANCE_ONLY"));
	int failed = conform_sockets() + conform_ends() + conform_kinds() + conform_interest() +
	             conform_drop() + conform_batch() + conform_many() + conform_time() +
	             conform_fork() + conform_fault();
	failed += conform_recorded();
	return failed != 0;
}
