/*
 * emit.c: assembling the head of a reply.
 *
 * A game of copies of constant length: the compiler makes each of them a move
 * or two. The only octets looked at one by one are the digits of a length.
 */
#include "http/emit.h"

#include <string.h>

#include "http/head.h"
#include "http/octets.h"

#define COPY(out, text) (memcpy((out), (text), sizeof(text) - 1), (out) + sizeof(text) - 1)

/* ---- dates -------------------------------------------------------------- */

static char *two_digits(char *out, unsigned n)
{
	out[0] = (char)('0' + n / 10 % 10);
	out[1] = (char)('0' + n % 10);
	return out + 2;
}

struct day {
	int64_t year;
	unsigned month, day; /* month 0 is January */
};

/*
 * The day number `days` since 1970-01-01. Years are taken to begin in March, so
 * that the leap day is the last of its year and months follow one linear rule.
 */
static struct day civil(int64_t days)
{
	const int64_t since = days + 719468; /* since 0000-03-01 */
	const int64_t era = (since >= 0 ? since : since - 146096) / 146097;
	const unsigned in_era = (unsigned)(since - era * 146097);
	const unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	const unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	const unsigned from_march = (5 * in_year + 2) / 153;
	const unsigned month = (from_march + 2) % 12;

	return (struct day){era * 400 + year + (month < 2), month,
	                    in_year - (153 * from_march + 2) / 5 + 1};
}

void weir__date_format(int64_t seconds, char text[WEIR__DATE_LEN])
{
	static const char day_names[] = "SunMonTueWedThuFriSat";
	static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
	const unsigned clock = (unsigned)(seconds - days * 86400);
	const unsigned week_day = (unsigned)(((days + 4) % 7 + 7) % 7);
	const struct day date = civil(days);
	char *out = text;

	memcpy(out, day_names + (size_t)3 * week_day, 3);
	out = COPY(out + 3, ", ");
	out = two_digits(out, date.day);
	*out++ = ' ';
	memcpy(out, month_names + (size_t)3 * date.month, 3);
	out += 3;
	*out++ = ' ';
	out = two_digits(out, (unsigned)(date.year / 100));
	out = two_digits(out, (unsigned)(date.year % 100));
	*out++ = ' ';
	out = two_digits(out, clock / 3600);
	*out++ = ':';
	out = two_digits(out, clock / 60 % 60);
	*out++ = ':';
	out = two_digits(out, clock % 60);
	memcpy(out, " GMT", 4);
}

void weir__date_refresh(struct weir__date *date, int64_t second)
{
	char *out = date->text;

	if (date->second == second)
		return;
	date->second = second;
	out = COPY(out, "HTTP/1.1 200 OK\r\n");
	out = COPY(out, "Date: ");
	weir__date_format(second, out);
	memcpy(out + WEIR__DATE_LEN, "\r\n", 2);
}

/* ---- heads -------------------------------------------------------------- */

static char *decimal(char *out, uint64_t n)
{
	size_t len = 1;

	for (uint64_t rest = n / 10; rest; rest /= 10)
		len++;
	for (size_t at = len; at-- > 0; n /= 10)
		out[at] = (char)('0' + n % 10);
	return out + len;
}

size_t weir__emit_status(char *out, int status)
{
	const char *reason = weir_status_reason(status);
	const size_t len = strlen(reason);
	char *at = COPY(out, "HTTP/1.1 ");

	at = decimal(at, (unsigned)status);
	*at++ = ' ';
	memcpy(at, reason, len);
	at = COPY(at + len, "\r\n");
	return (size_t)(at - out);
}

static char *status_and_date(char *out, const struct weir__date *date, int status)
{
	if (status == 200) {
		memcpy(out, date->text, sizeof date->text);
		return out + sizeof date->text;
	}
	out += weir__emit_status(out, status);
	memcpy(out, date->text + WEIR__OK_LEN, WEIR__DATE_LINE_LEN);
	return out + WEIR__DATE_LINE_LEN;
}

static char *content_type(char *out, const char *type, size_t len)
{
	out = COPY(out, "Content-Type: ");
	memcpy(out, type, len);
	return COPY(out + len, "\r\n");
}

/* Keep-Alive is no standard's (RFC 2068 19.7.1.1 mentions it), but clients heed it. */
static char *keep_alive(char *out, const struct weir__reply_head *head)
{
	out = COPY(out, "Connection: keep-alive\r\n");
	if (!head->timeout && !head->max)
		return out;
	out = COPY(out, "Keep-Alive: ");
	if (head->timeout)
		out = decimal(COPY(out, "timeout="), head->timeout);
	if (head->timeout && head->max)
		out = COPY(out, ", ");
	if (head->max)
		out = decimal(COPY(out, "max="), head->max);
	return COPY(out, "\r\n");
}

size_t weir__emit_head(char *out, const struct weir__date *date,
                       const struct weir__reply_head *head)
{
	char *at = status_and_date(out, date, head->status);

	if (head->type)
		at = content_type(at, head->type, head->type_len);
	if (head->length >= 0) {
		at = COPY(at, "Content-Length: ");
		at = decimal(at, (uint64_t)head->length);
		at = COPY(at, "\r\n");
	}
	if (head->chunked)
		at = COPY(at, "Transfer-Encoding: chunked\r\n");
	if (head->persist == WEIR__PERSIST_CLOSE)
		at = COPY(at, "Connection: close\r\n");
	else if (head->persist == WEIR__PERSIST_KEEP)
		at = keep_alive(at, head);
	return (size_t)(at - out);
}

size_t weir__emit_chunk_line(char *out, uint64_t len)
{
	char digits[16];
	size_t at = sizeof digits;

	for (; len; len >>= 4)
		digits[--at] = "0123456789abcdef"[len & 15];
	memcpy(out, digits + at, sizeof digits - at);
	memcpy(out + sizeof digits - at, "\r\n", 2);
	return sizeof digits - at + 2;
}

/* ---- fields ------------------------------------------------------------- */

static bool all_are(const char *text, enum weir__octet kind)
{
	while (*text && weir__octet_is((uint8_t)*text, kind))
		text++;
	return !*text;
}

bool weir__are_values(const char *text, size_t len)
{
	const uint8_t *octets = (const uint8_t *)text;
	uint64_t bad = len < 8;

	/* The last eight may be looked at twice. */
	for (size_t at = 0; at + 8 < len; at += 8)
		bad |= weir__not_value(weir__word(octets + at));
	if (!bad && !weir__not_value(weir__word(octets + len - 8)))
		return true;
	while (len > 0 && weir__octet_is(octets[len - 1], WEIR__VALUE))
		len--;
	return len == 0;
}

bool weir__is_value(const char *value)
{
	return weir__are_values(value, strlen(value));
}

/* Frames the message or the connection, or is made for every reply. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = {"content-length", "transfer-encoding", "connection",
	                                   "date"};
	const size_t len = strlen(name);

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (len == strlen(ours[i]) && weir__same((const uint8_t *)name, ours[i], len))
			return true;
	return false;
}

bool weir__is_field(const char *name, const char *value)
{
	return *name && all_are(name, WEIR__TOKEN) && weir__is_value(value) && !is_ours(name);
}
