/*
 * trailer.c: which fields may stand in a trailer section?
 */
#include "http/parse.h"

static const char *forbidden_trailer(uint32_t len)
{
	/* By length, since names of one length share a string: those that frame,
	 * route, authenticate, modify the request or describe the content
	 * (RFC 9110 6.5.1). A colon ends each. */
	static const char *const names[] = {
		[2] = "te:",
		[3] = "age:",
		[4] = "host:date:vary:",
		[5] = "range:",
		[6] = "cookie:expect:pragma:",
		[7] = "trailer:upgrade:expires:warning:",
		[8] = "if-match:if-range:location:",
		[10] = "connection:keep-alive:set-cookie:",
		[11] = "retry-after:",
		[12] = "content-type:max-forwards:",
		[13] = "authorization:cache-control:content-range:if-none-match:",
		[14] = "content-length:",
		[16] = "content-encoding:proxy-connection:www-authenticate:",
		[17] = "transfer-encoding:if-modified-since:",
		[18] = "proxy-authenticate:",
		[19] = "proxy-authorization:if-unmodified-since:",
	};

	return len < sizeof names / sizeof *names ? names[len] : NULL;
}

bool weir__may_trail(const uint8_t *name, uint32_t len)
{
	const char *bad = forbidden_trailer(len);

	for (; bad && *bad; bad += len + 1) {
		uint32_t i = 0;

		while (i < len && (name[i] | 0x20) == (uint8_t)bad[i])
			i++;
		if (i == len)
			return false;
	}
	return true;
}
