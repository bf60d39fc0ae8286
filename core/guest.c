/*
 * Connections that have to say first of whom they are: those that a trusted proxy
 * opens to a listener with weir_listener_proxy.
 *
 * Until its PROXY header is complete such a stream is a guest, a kind of source of
 * its own: nobody but this file knows it, neither its owner nor what makes room. The
 * header is read from the socket itself, before a transport, and never an octet
 * behind it. So nothing has to be given back: what follows is still with the kernel
 * when the guest becomes a stream like others.
 *
 * A listener that is closed takes its guests with it: to its owner they are no more
 * than what waits in the backlog.
 */
#include <errno.h>

#include "core/proxy.h"
#include "core/stream.h"
#include "core/trust.h"

/* How long a guest may take for its header. */
#define PATIENCE_MS 10000

/* A listener's. */
struct host {
	struct weir__greeter greeter;
	weir_loop *loop;
	struct weir__trust trust;
};

/* The arg of a stream that is a guest. */
struct guest {
	const struct host *host;
	struct weir__proxy header;
};

static struct guest *guest_of(const weir_stream *s)
{
	return s->arg;
}

static void forget(weir_stream *s)
{
	weir__mem_free(&s->owner->loop->mem, s->arg, sizeof(struct guest));
	s->arg = NULL;
}

static void turn_out(weir_stream *s)
{
	forget(s);
	weir_close(s);
}

/* ---- from guest to stream ----------------------------------------------- */

/* False: there is no memory to remember who it is, and nobody else may it seem to be. */
static bool rename_peer(weir_stream *s, const struct weir__addr *addr)
{
	struct weir__peers *peers = &s->owner->loop->peers;
	weir__peer_give(peers, s->peer);
	s->port = addr->port;
	s->peer = addr->kind == WEIR__ADDR_UNIX ? weir__peer_take_unix(peers)
	                                        : weir__peer_take(peers, addr);
	return s->peer != 0;
}

static void let_in(weir_stream *s)
{
	const struct weir__addr addr = guest_of(s)->header.addr;
	forget(s);
	s->source.kind = WEIR__STREAM;
	weir__limit_clear(s);
	if (addr.kind != WEIR__ADDR_NONE && !rename_peer(s, &addr)) {
		weir_close(s);
		return;
	}
	weir__stream_alive(s);
	weir_stream_on(s, s->owner->ops, s->owner->arg);
	if (s->ops->open)
		s->ops->open(s, s->arg);
	/* Most say at once what they have come for. */
	weir__stream_readable(s);
}

static void guest_ready(weir_loop *loop, struct weir__source *source, unsigned ready)
{
	weir_stream *s = (weir_stream *)(void *)source;
	struct weir__proxy *header = &guest_of(s)->header;
	char octets[256];
	size_t need;
	(void)loop;
	(void)ready;
	while ((need = weir__proxy_need(header)) > 0) {
		const struct weir__vec vec = {octets, need < sizeof octets ? need : sizeof octets};
		int64_t n = weir__sys_readv(source->fd, &vec, 1);
		if (n == -EAGAIN)
			return;
		if (n <= 0)
			break;
		weir__proxy_take(header, octets, (size_t)n);
	}
	if (header->state == WEIR__PROXY_DONE)
		let_in(s);
	else
		turn_out(s);
}

/* ---- from connection to guest ------------------------------------------- */

static void guest_late(weir_stream *s, void *arg)
{
	(void)arg;
	turn_out(s);
}

static void guest_close(weir_loop *loop, struct weir__source *source)
{
	(void)loop;
	turn_out((weir_stream *)(void *)source);
}

static void receive_guest(const struct host *host, weir_stream *s, struct guest *guest)
{
	static const struct weir__role role = {.ready = guest_ready, .close = guest_close};
	static const weir_stream_ops ops = {.idle = guest_late};
	host->loop->roles[WEIR__GUEST] = &role;
	guest->host = host;
	weir__proxy_init(&guest->header);
	s->source.kind = WEIR__GUEST;
	weir_stream_on(s, &ops, guest);
	weir__limit_set(s, s->idle_ms && s->idle_ms < PATIENCE_MS ? s->idle_ms : PATIENCE_MS);
}

static bool greet(struct weir__greeter *greeter, weir_stream *s, const struct weir__addr *peer)
{
	const struct host *host = (struct host *)(void *)greeter;
	if (!weir__trusts(&host->trust, peer))
		return false;
	struct guest *guest = weir__mem_new(&host->loop->mem, sizeof *guest);
	if (guest)
		receive_guest(host, s, guest);
	else
		weir_close(s);
	return true;
}

/* ---- the listener's side ------------------------------------------------ */

static void turn_out_all(const struct host *host)
{
	weir_loop *loop = host->loop;
	for (int32_t fd = 0; fd < loop->nslots; fd++) {
		struct weir__source *source = weir__source_at(loop, fd);
		if (!source || source->kind != WEIR__GUEST)
			continue;
		weir_stream *s = (weir_stream *)(void *)source;
		if (guest_of(s)->host == host)
			turn_out(s);
	}
}

static void leave(struct weir__greeter *greeter)
{
	struct host *host = (struct host *)(void *)greeter;
	struct weir__mem *mem = &host->loop->mem;
	turn_out_all(host);
	weir__trust_free(&host->trust, mem);
	weir__mem_free(mem, host, sizeof *host);
}

static struct host *new_host(weir_loop *loop)
{
	struct host *host = weir__mem_new(&loop->mem, sizeof *host);
	if (host)
		*host = (struct host){.greeter = {greet, leave}, .loop = loop};
	return host;
}

int weir_listener_proxy(weir_listener *listener, const char *trusted)
{
	weir_loop *loop = weir__listener_owner(listener)->loop;
	struct weir__greeter **greeter = weir__listener_greeter(listener);
	struct host *host = (struct host *)(void *)*greeter;
	struct weir__trust trust;
	int result = weir__thread_check(loop);
	if (result < 0 || (!host && !trusted))
		return result;
	result = weir__trust_read(&trust, &loop->mem, trusted);
	if (result == 0 && !host && !(host = new_host(loop)))
		result = -ENOMEM;
	if (result < 0) {
		weir__trust_free(&trust, &loop->mem);
		return result;
	}
	/* Also where nobody is trusted any more: guests that are there stay its own. */
	weir__trust_free(&host->trust, &loop->mem);
	host->trust = trust;
	*greeter = &host->greeter;
	return 0;
}
