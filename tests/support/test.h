/*
 * test.h: what do the tests of a loop need beside cmocka? A watchdog, an
 * allocator that counts, checks and fails on demand, a folder of their own, a
 * clock, dice, and children to do in what would harm the test itself.
 */
#ifndef WEIR_TESTS_SUPPORT_TEST_H
#define WEIR_TESTS_SUPPORT_TEST_H

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir.h>

/*
 * Ends the program (SIGALRM) after so many seconds; 0 calls it off. Where tests/run.sh is told to
 * be more patient (WEIR_TEST_SECONDS, for emulated processors), so is this.
 */
void test_watchdog(unsigned seconds);

/*
 * The state of test_alloc_fn, as a loop's alloc_arg. Begins zeroed. The test may
 * set calls to 0 at any time.
 */
struct test_alloc {
	size_t live_octets, live_blocks; /* handed out and not given back */
	size_t calls;                    /* requests for new or more memory, refused ones too */
	size_t fail_at;                  /* this request is refused (1 is the first); 0: none */
	bool fail_after;                 /* ... and all later ones */
	size_t refused;
};

/*
 * A weir_alloc_fn. What it is told about a block's old size is checked against
 * what it knows; a lie fails the test, and so does an octet written behind a block.
 */
void *test_alloc_fn(void *arg, void *ptr, size_t old_size, size_t new_size);

/*
 * A loop whose memory is counted, as the state of a test. The teardown frees the
 * loop, whatever is open in it, and fails if memory or a descriptor is left.
 */
struct test_bed {
	weir_loop *loop;
	struct test_alloc alloc;
	int fds;
};

#define BED_TEST(f) cmocka_unit_test_setup_teardown(f, test_bed_setup, test_bed_teardown)
int test_bed_setup(void **state);
int test_bed_teardown(void **state);

/* A fresh folder, the same at each call; removed with all that is in it at exit. */
const char *test_dir(void);

/* Of a clock that never goes back: the one the loop's times refer to. */
int64_t test_now_ms(void);
int64_t test_now_us(void);

/* Numbers that look random and are the same in each run: begins a row of them, and draws the next,
   which is below `sides`. Without a beginning it is row 0. */
void test_dice(uint64_t row);
uint32_t test_roll(uint32_t sides);

/*
 * Calls body in a child process, whose exit status is what body returns (0 to
 * 255), and waits for it. Returns that, or -N when signal N ended it. A child
 * that hangs is ended by an alarm. body must not assert: the child has no test to fail.
 */
int test_in_child(int (*body)(void *arg), void *arg);

/* How many descriptors of this process are open. */
int test_open_fds(void);

#endif
