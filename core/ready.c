/* ready.c: who is to be told that this program is up, or how it is? */
#include <errno.h>
#include <string.h>

#include "core/chan.h"

int weir_notify(const char *state)
{
	return weir__sys_notify(state, strlen(state));
}

/* A program that does not use its channel may still have one. */
static int find_upward(weir_loop *loop)
{
	weir_chan *chan;
	if (loop->upward)
		return 1;
	int result = weir_chan_inherit(loop, &chan, NULL, NULL, NULL);
	if (result < 0)
		return result == -ENOENT ? 0 : result;
	chan->spare = true;
	return 1;
}

static int tell_parent(weir_loop *loop)
{
	int result = find_upward(loop);
	if (result <= 0)
		return result;
	int64_t said = weir__chan_say(loop->upward, WEIR__READY, NULL, 0, -1);
	/* A parent that has gone has no use for it. */
	return said == WEIR_ECLOSED ? 0 : said < 0 ? (int)said : 1;
}

int weir_ready(weir_loop *loop)
{
	int told = tell_parent(loop);
	if (told < 0 || loop->forked)
		return told;
	int notified = weir_notify("READY=1");
	return notified < 0 ? notified : told + notified;
}
