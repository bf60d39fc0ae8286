/* Names of results. */
#include "backend/sys.h"
#include "core/weir.h"

static const char *const own[] = {
	[-10000 - WEIR_ECLOSED] = "closed",
	[-10000 - WEIR_EFULL] = "queue is full",
	[-10000 - WEIR_ETOOBIG] = "too many unread octets",
	[-10000 - WEIR_ETIMEOUT] = "time limit has passed",
	[-10000 - WEIR_EADDRESS] = "not an address",
	[-10000 - WEIR_ESTATE] = "not possible in this state",
	[-10000 - WEIR_EINVALID] = "invalid argument",
	[-10000 - WEIR_ETHREAD] = "called from another thread than the loop's",
	[-10000 - WEIR_EDRAINED] = "closed to make room",
	[-10000 - WEIR_ESHORT] = "ended too early",
	[-10000 - WEIR_EMALFORMED] = "malformed",
};

const char *weir_strerror(int64_t error)
{
	if (error >= 0)
		return "success";
	if (error <= -10000) {
		uint64_t i = (uint64_t)(-10000 - error);
		return i < sizeof own / sizeof *own ? own[i] : "unknown error";
	}
	return weir__sys_error((int)-error);
}
