/*
 * admit.c: who is let in?
 *
 * A server counts its connections, and, where opts.max_per_peer says so, how many
 * each peer has: one table for those that are served and one for those that were
 * refused and linger, so that neither kind keeps the other out. The connection
 * remembers its place in one of them (stream->place), and gives it back when it
 * is closed, whoever does that.
 */
#include <string.h>

#include "http/conn.h"

/* stream->place: an entry of `refused`, not of `served`. */
#define REFUSED (UINT32_C(1) << 31)

/* ---- who is the peer? --------------------------------------------------- */

/* Whoever has one address of an IPv6 network has all of its /64: they are one peer. */
static void widen(struct weir__addr *addr)
{
	if (addr->kind == WEIR__ADDR_IP6)
		memset(addr->u.ip + 8, 0, 8);
}

/* ---- counting ----------------------------------------------------------- */

/* Counts one more of the peer's, in *place. False: it has as many as it may. Without memory
   none is counted: *place is 0. */
static bool take_place(struct weir__peers *peers, const struct weir__addr *peer, int32_t most,
                       uint32_t *place)
{
	*place = weir__peer_take(peers, peer);
	if (weir__peer_count(peers, *place) <= (uint32_t)most)
		return true;
	weir__peer_give(peers, *place);
	*place = 0;
	return false;
}

/* The reply says why at once; without a place even for that the connection ends without one. */
static void refuse(weir_stream *stream, const struct weir__addr *peer)
{
	weir_server *server = weir__conn_server(stream);
	struct weir_req *req = NULL;
	uint32_t place;

	if (take_place(&server->refused, peer, server->opts.max_per_peer, &place) && place) {
		stream->place = place | REFUSED;
		req = weir__req_begin(stream);
	}
	if (!req) {
		weir_close(stream);
		return;
	}
	weir__req_refuse(req, 503, "Too many connections from this address", WEIR_ECLOSED);
	weir__conn_rest(stream);
}

void weir__conn_begin(weir_stream *stream)
{
	weir_server *server = weir__conn_server(stream);

	stream->arg = NULL;
	server->conns++;
	weir__stream_limit(stream, server->opts.head_ms);
}

void weir__conn_admit(weir_stream *stream)
{
	weir_server *server = weir__conn_server(stream);
	const int32_t most = server->opts.max_per_peer;
	struct weir__addr peer;

	if (most == WEIR_OFF || !stream->peer)
		return;
	weir__peer_get(&server->loop->peers, stream->peer, &peer);
	widen(&peer);
	/* Without memory to count it, it is served uncounted: it has done nothing wrong. */
	if (!take_place(&server->served, &peer, most, &stream->place))
		refuse(stream, &peer);
}

/* ---- leaving ------------------------------------------------------------ */

void weir__conn_left(weir_stream *stream)
{
	weir_server *server = weir__conn_server(stream);

	server->conns--;
	weir__server_emptied(server);
}

void weir__conn_closed(weir_stream *stream)
{
	weir_server *server = weir__conn_server(stream);

	if (stream->place & REFUSED)
		weir__peer_give(&server->refused, stream->place & ~REFUSED);
	else
		weir__peer_give(&server->served, stream->place);
	/* One that was given away had left already. */
	if (stream->ops == &weir__http_ops)
		weir__conn_left(stream);
}
