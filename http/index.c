/*
 * index.c: which names are common, and where does a head have them?
 *
 * A name is told by its length, then by one letter, then by one comparison.
 */
#include "http/index.h"

#include <string.h>

#include "http/head.h"

/* By length: the offset of the letter in which these names differ, and the names. */
static const struct group {
	uint8_t letter;
	const char *names[WEIR__NAME_PEERS];
} groups[WEIR__NAME_LENGTHS] = {
	[2] = {0, {"te"}},
	[3] = {0, {"dnt", "via"}},
	[4] = {0, {"date", "from", "host"}},
	[5] = {0, {"range"}},
	[6] = {0, {"accept", "cookie", "expect", "origin", "pragma"}},
	[7] = {0, {"referer", "trailer", "upgrade"}},
	[8] = {3, {"if-match", "if-range", "priority"}},
	[9] = {0, {"forwarded", "x-real-ip"}},
	[10] = {0, {"connection", "keep-alive", "user-agent"}},
	[12] = {0, {"content-type", "max-forwards", "x-request-id"}},
	[13] = {0, {"authorization", "cache-control", "if-none-match", "last-event-id"}},
	[14] = {10,
                {"accept-charset", "content-length", "sec-fetch-dest", "sec-fetch-mode",
                 "sec-fetch-site", "sec-fetch-user"}},
	[15] = {7, {"accept-encoding", "accept-language", "x-forwarded-for"}},
	[16] = {8,
                {"content-encoding", "content-language", "x-forwarded-host", "x-requested-with"}},
	[17] = {0,
                {"if-modified-since", "sec-websocket-key", "transfer-encoding",
                 "x-forwarded-proto"}},
	[19] = {0, {"content-disposition", "if-unmodified-since", "proxy-authorization"}},
	[21] = {0, {"sec-websocket-version"}},
	[22] = {0, {"sec-websocket-protocol"}},
	[24] = {0, {"sec-websocket-extensions"}},
	[25] = {0, {"upgrade-insecure-requests"}},
};

int weir__common_name(const void *name, size_t len)
{
	const uint8_t *octets = name;
	const struct group *group;
	uint8_t letter;

	if (len >= WEIR__NAME_LENGTHS || !groups[len].names[0])
		return -1;
	group = &groups[len];
	letter = weir__lower(octets[group->letter]);
	for (int i = 0; i < WEIR__NAME_PEERS && group->names[i]; i++) {
		if ((uint8_t)group->names[i][group->letter] != letter)
			continue;
		return weir__same(octets, group->names[i], len) ? (int)len * WEIR__NAME_PEERS + i
		                                                : -1;
	}
	return -1;
}

void weir__index_make(struct weir__index *index, const void *data, const weir_field *fields,
                      uint16_t n)
{
	memset(index, 0, sizeof *index);
	for (uint16_t i = 0; i < n; i++) {
		const weir_slice name = fields[i].name;
		const int number = weir__common_name((const uint8_t *)data + name.at, name.len);

		if (number >= 0 && !index->first[number])
			index->first[number] = (uint16_t)(i + 1);
	}
}
