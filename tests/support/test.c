/*
 * test.c: see test.h.
 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What tests/run.sh gives a program, if it is not told another time. */
#define USUAL_SECONDS 120
/* A child may take this long. */
#define CHILD_SECONDS 60
/* Descriptors that a test may have open. */
#define FDS_LOOKED_AT 4096
#define FDS_AT_ONCE 128

void test_watchdog(unsigned seconds)
{
	const char *limit = getenv("WEIR_TEST_SECONDS");

	if (limit && atoi(limit) > USUAL_SECONDS)
		seconds *= (unsigned)atoi(limit) / USUAL_SECONDS;
	alarm(seconds);
}

/* ---- the allocator ------------------------------------------------------ */

/* Before each block; as large as any alignment asks for. */
union header {
	struct {
		size_t size, magic;
	} of;
	max_align_t align;
};

#define MAGIC ((size_t)0x77656972)

/* Behind each block. */
static const uint8_t guard[8] = {0xfe, 0xed, 0xfa, 0xce, 0xfe, 0xed, 0xfa, 0xce};

static union header *header_of(void *ptr, size_t old_size)
{
	union header *h = (union header *)ptr - 1;

	if (h->of.magic != MAGIC)
		fail_msg("a block that is not from this allocator");
	if (h->of.size != old_size)
		fail_msg("a block of %zu octets is called one of %zu", h->of.size, old_size);
	if (memcmp((uint8_t *)ptr + old_size, guard, sizeof guard) != 0)
		fail_msg("a block of %zu octets was written beyond its end", old_size);
	return h;
}

static void give_back(struct test_alloc *a, void *ptr, size_t old_size)
{
	if (!ptr)
		return;
	union header *h = header_of(ptr, old_size);
	h->of.magic = 0;
	/* Who still looks at it finds nonsense. */
	memset(ptr, 0xdd, old_size);
	a->live_octets -= old_size;
	a->live_blocks--;
	free(h);
}

static bool refuses(struct test_alloc *a)
{
	a->calls++;
	if (!a->fail_at || a->calls < a->fail_at || (a->calls > a->fail_at && !a->fail_after))
		return false;
	a->refused++;
	return true;
}

/* Always moves, so that nobody can count on a block that stays. */
void *test_alloc_fn(void *arg, void *ptr, size_t old_size, size_t new_size)
{
	struct test_alloc *a = arg;

	if (!ptr && old_size)
		fail_msg("no block is said to have %zu octets", old_size);
	if (!new_size) {
		give_back(a, ptr, old_size);
		return NULL;
	}
	if (ptr)
		(void)header_of(ptr, old_size);
	if (refuses(a))
		return NULL;

	union header *h = malloc(sizeof(*h) + new_size + sizeof guard);
	if (!h)
		return NULL;
	h->of.size = new_size;
	h->of.magic = MAGIC;
	memset(h + 1, 0xa5, new_size);
	memcpy((uint8_t *)(h + 1) + new_size, guard, sizeof guard);
	if (ptr)
		memcpy(h + 1, ptr, old_size < new_size ? old_size : new_size);
	a->live_octets += new_size;
	a->live_blocks++;
	give_back(a, ptr, old_size);
	return h + 1;
}

/* ---- the bed ------------------------------------------------------------ */

int test_bed_setup(void **state)
{
	struct test_bed *bed = calloc(1, sizeof(*bed));

	if (!bed)
		return -1;
	const weir_loop_opts opts = {.alloc = test_alloc_fn, .alloc_arg = &bed->alloc};
	bed->fds = test_open_fds();
	*state = bed;
	return weir_loop_new(&bed->loop, &opts);
}

int test_bed_teardown(void **state)
{
	struct test_bed *bed = *state;

	weir_loop_free(bed->loop);
	const size_t octets = bed->alloc.live_octets, blocks = bed->alloc.live_blocks;
	const int fds = test_open_fds() - bed->fds;
	free(bed);
	assert_int_equal(octets, 0);
	assert_int_equal(blocks, 0);
	assert_int_equal(fds, 0);
	return 0;
}

/* ---- the folder --------------------------------------------------------- */

static char folder[] = "/tmp/weir-test.XXXXXX";
static pid_t folder_owner;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	(void)remove(path);
	return 0;
}

/* Children inherit this handler, but not the folder. */
static void remove_folder(void)
{
	if (getpid() == folder_owner)
		(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_dir(void)
{
	if (!folder_owner) {
		assert_non_null(mkdtemp(folder));
		folder_owner = getpid();
		assert_int_equal(atexit(remove_folder), 0);
	}
	return folder;
}

/* ---- the rest ----------------------------------------------------------- */

int64_t test_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t test_now_ms(void)
{
	return test_now_us() / 1000;
}

static uint64_t dice = 1;

void test_dice(uint64_t row)
{
	dice = row * 0x9e3779b97f4a7c15u + 1;
}

/* Marsaglia's xorshift: few steps, and none of its rows is short. */
uint32_t test_roll(uint32_t sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 32) % sides;
}

int test_in_child(int (*body)(void *arg), void *arg)
{
	int status = 0;

	(void)fflush(NULL);
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(CHILD_SECONDS);
		_exit(body(arg));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* How many of these are open; none of it is waited for. */
static int open_from(int first)
{
	struct pollfd fds[FDS_AT_ONCE];
	int n = 0;

	for (int i = 0; i < FDS_AT_ONCE; i++)
		fds[i] = (struct pollfd){.fd = first + i};
	/* It takes no more of them than the process may have. */
	const int asked = poll(fds, FDS_AT_ONCE, 0);
	for (int i = 0; i < FDS_AT_ONCE; i++)
		n += asked < 0 ? fcntl(first + i, F_GETFD) >= 0 : !(fds[i].revents & POLLNVAL);
	return n;
}

/* Thousands of calls of fcntl would be most of what the tests do. */
int test_open_fds(void)
{
	int n = 0;

	for (int first = 0; first < FDS_LOOKED_AT; first += FDS_AT_ONCE)
		n += open_from(first);
	return n;
}
