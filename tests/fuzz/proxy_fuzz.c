/*
 * Does it matter in which pieces a PROXY header is read, and is what it says an address?
 * Input: octets as a proxy would send them.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "core/proxy.h"

/* How many octets the header took. */
static size_t read_header(struct weir__proxy *proxy, struct fuzz_input in, size_t most)
{
	const char *octets = (const char *)fuzz_place(in.octets, in.len);
	size_t at = 0;

	weir__proxy_init(proxy);
	while (at < in.len) {
		const size_t need = weir__proxy_need(proxy), left = in.len - at;
		size_t n = need < left ? need : left;

		if (need == 0)
			break;
		n = n < most ? n : most;
		weir__proxy_take(proxy, octets + at, n);
		at += n;
	}
	return at;
}

static void assert_right(const struct weir__proxy *proxy, size_t taken)
{
	const bool over = proxy->state == WEIR__PROXY_DONE || proxy->state == WEIR__PROXY_BAD;

	assert(over == (weir__proxy_need(proxy) == 0));
	if (proxy->state != WEIR__PROXY_DONE)
		return;
	assert(proxy->addr.kind <= WEIR__ADDR_UNIX);
	assert(taken >= 15 && taken <= WEIR__PROXY_FIXED + WEIR__PROXY_MAX);
}

/* A refusal may come as late as the piece it is in; a header that is good is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct weir__proxy whole, octets;
	const struct fuzz_input in = fuzz_input(data, size);
	const size_t taken = read_header(&whole, in, SIZE_MAX);
	const size_t then = read_header(&octets, in, 1);

	assert_right(&whole, taken);
	assert_right(&octets, then);
	assert(then <= taken);
	assert((whole.state == WEIR__PROXY_BAD) == (octets.state == WEIR__PROXY_BAD));
	if (whole.state != WEIR__PROXY_DONE)
		return 0;
	assert(octets.state == WEIR__PROXY_DONE && taken == then);
	assert(memcmp(&whole.addr, &octets.addr, sizeof whole.addr) == 0);
	return 0;
}
