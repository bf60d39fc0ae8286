/*
 * Is a body framed as the grammar says? The head is given, so that every input
 * is a body from its first octet on. Whole, octet by octet, and by a model.
 * Input: a body and perhaps requests behind it; an octet for the head, two for
 * the limits.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"

static const char *const heads[] = {
	HEAD "Transfer-Encoding: chunked\r\n\r\n",
	HEAD "Content-Length: 5\r\n\r\n",
	HEAD "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
	HEAD "Content-Length: 70\r\n\r\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_log whole, octets;
	static uint8_t message[FUZZ_MOST];
	struct fuzz_message m = {0};
	struct fuzz_input body = fuzz_input(data, size);
	const char *head = heads[fuzz_take(&body) % 4];
	const uint32_t head_len = (uint32_t)strlen(head);

	m.limits = fuzz_take_limits(&body);
	m.limits.head = m.limits.fields = 0;
	if (body.len > FUZZ_MOST - head_len)
		body.len = FUZZ_MOST - head_len;
	memcpy(message, head, head_len);
	if (body.len > 0)
		memcpy(message + head_len, body.octets, body.len);
	m.in = (struct fuzz_input){message, head_len + body.len};
	fuzz_follow(&m, fuzz_whole, &whole);
	fuzz_assert_right(&m, &whole);
	/* Of the head, which head_fuzz cuts, only the last octet comes by itself. */
	struct fuzz_cuts each = fuzz_each(m.in.len);

	each.at += head_len - 1;
	each.n -= head_len - 1;
	fuzz_follow(&m, each, &octets);
	fuzz_assert_same(&whole, &octets);
	return 0;
}
