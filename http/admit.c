/*
 * admit.c: who is let in?
 *
 * A server counts its connections, and, where opts.max_per_peer says so, how many
 * each peer has: one table for those that are served and one for those that were
 * refused and linger, so that neither kind keeps the other out. The connection
 * remembers in which of them it is counted (source.mark), and gives its place back
 * when it is closed, whoever does that.
 */
#include <string.h>

#include "http/conn.h"

/* source.mark */
enum { UNCOUNTED, SERVED, REFUSED };

/* ---- who is the peer? --------------------------------------------------- */

/* Whoever has one address of an IPv6 network has all of its /64: they are one peer. */
static void get_peer(const weir_stream *stream, struct weir__addr *peer)
{
	weir__peer_get(&weir__conn_server(stream)->loop->peers, stream->peer, peer);
	if (peer->kind == WEIR__ADDR_IP6)
		memset(peer->u.ip + 8, 0, 8);
}

/* ---- counting ----------------------------------------------------------- */

static struct weir__peers *table(weir_server *server, unsigned mark)
{
	return mark == SERVED ? &server->served : &server->refused;
}

/* Counts one more of the peer's. False: it has as many as it may. Without memory it is not
   counted. */
static bool take_place(weir_stream *stream, const struct weir__addr *peer, unsigned mark)
{
	weir_server *server = weir__conn_server(stream);
	struct weir__peers *peers = table(server, mark);
	const uint32_t place = weir__peer_take(peers, peer);

	if (weir__peer_count(peers, place) > (uint32_t)server->opts.max_per_peer) {
		weir__peer_give(peers, place);
		return false;
	}
	stream->source.mark = (place ? mark : UNCOUNTED) & 3u;
	return true;
}

static void give_place(weir_stream *stream)
{
	struct weir__peers *peers = table(weir__conn_server(stream), stream->source.mark);
	struct weir__addr peer;

	if (stream->source.mark == UNCOUNTED)
		return;
	get_peer(stream, &peer);
	weir__peer_give(peers, weir__peer_find(peers, &peer));
}

/* The reply says why at once; without a place even for that the connection ends without one. */
static void refuse(weir_stream *stream, const struct weir__addr *peer)
{
	struct weir_req *req = NULL;

	if (take_place(stream, peer, REFUSED) && stream->source.mark == REFUSED)
		req = weir__req_begin(stream);
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
	struct weir__addr peer;

	if (weir__conn_server(stream)->opts.max_per_peer == WEIR_OFF || !stream->peer)
		return;
	get_peer(stream, &peer);
	/* Without memory to count it, it is served uncounted: it has done nothing wrong. */
	if (!take_place(stream, &peer, SERVED))
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
	give_place(stream);
	if (weir__conn_is_parked(stream))
		weir__partial_close(stream);
	/* One that was given away had left already. */
	if (weir__conn_is(stream))
		weir__conn_left(stream);
}
