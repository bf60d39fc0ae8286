/*
 * exchange.c: when is the block of an exchange taken, what does it own, and when
 * is it given back?
 *
 * One block serves a connection for as long as octets of requests or replies are
 * on their way. While the application has it in hand it is more: it outlives the
 * octets its head was read from, and its connection, too.
 */
#include <string.h>

#include "http/conn.h"
#include "http/parse.h"

void weir__req_drop_parts(struct weir_req *req)
{
	if (req->parts)
		weir__mem_free(weir__server_mem(req->server), req->parts,
		               req->parts_cap * sizeof *req->parts);
	req->parts = NULL;
	req->parts_cap = req->ntrailers = 0;
}

void weir__req_renew_parser(struct weir_req *req)
{
	const weir_server *server = req->server;

	weir_parser_init(&req->parser, &server->limits, server->fields,
	                 (uint16_t)server->opts.max_fields);
}

void weir__req_await(struct weir_req *req)
{
	weir__req_drop_parts(req);
	req->reading = WEIR__READ_HEAD;
	req->writing = WEIR__WRITE_NONE;
	req->flags &= WEIR__WRITE_DUE;
	req->seen = req->ready = 0;
}

struct weir_req *weir__req_begin(weir_stream *stream)
{
	weir_server *server = weir__conn_server(stream);
	struct weir_req *req = weir__pool_take(&server->pool);

	if (!req)
		return NULL;
	req->stream = stream;
	if (!req->server) {
		req->server = server;
		weir_task_init(&req->task, weir__req_settle, req);
	}
	weir__req_renew_parser(req);
	req->link = &server->reqs;
	req->next = server->reqs;
	if (req->next)
		req->next->link = &req->next;
	server->reqs = req;
	stream->arg = req;
	return req;
}

/*
 * The array holds those of the head that was read last. A request that waits while others
 * are read keeps its octets alone: they are read once more when somebody asks.
 */
const weir_field *weir__req_fields(const struct weir_req *req)
{
	weir_server *server = req->server;
	weir_parser again;
	weir_slice piece;
	size_t used;

	if (server->fielded == req)
		return server->fields;
	weir_parser_init(&again, &server->limits, server->fields,
	                 (uint16_t)server->opts.max_fields);
	weir_parse(&again, req->head, req->head_len, &used, &piece);
	server->fielded = req;
	server->memo.len = 0;
	return server->fields;
}

void weir__req_forget_fields(const struct weir_req *req)
{
	if (req->server->indexed == req)
		req->server->indexed = NULL;
	if (req->server->fielded == req)
		req->server->fielded = NULL;
}

/*
 * What belongs to one request goes; what belongs to the connection stays, and so does what
 * the parser still needs of a message that nobody wants any more.
 */
void weir__req_strip(struct weir_req *req)
{
	/* Twice for most: when the reply is written, and when the block goes. */
	if (!req->head && !req->kept && !req->added && !req->ops && !req->task.queued)
		return;
	if (weir__req_is(req, WEIR__PARTIAL))
		weir__partial_free(req);
	else if (req->kept)
		weir__mem_free(weir__server_mem(req->server), req->kept, req->head_len);
	if (req->added)
		weir__added_forget(req);
	if (req->task.queued)
		weir_task_cancel(req->server->loop, &req->task);
	weir__req_forget_fields(req);
	req->head = req->kept = NULL;
	req->nfields = 0;
	req->head_len = 0;
	req->ops = NULL;
}

void weir__req_free(struct weir_req *req)
{
	weir_server *server = req->server;

	weir__req_strip(req);
	weir__req_drop_parts(req);
	if (req->peer)
		weir__peer_give(&server->loop->peers, req->peer);
	if (server->opts.log)
		weir__note(req)->open = false;
	req->peer = 0;
	req->seen = req->ready = 0;
	req->flags = 0;
	req->reading = WEIR__READ_HEAD;
	req->writing = WEIR__WRITE_NONE;
	*req->link = req->next;
	if (req->next)
		req->next->link = req->link;
	weir__pool_give(&server->pool, req);
	if (server->freed)
		weir__server_check(server);
}

/*
 * The head is still wanted when the octets it was read from go: it gets a block
 * of its own, of just its size. Slices stay what they are. Without memory there
 * is nothing to answer with but empty strings. False: so it is.
 */
bool weir__req_keep_head(struct weir_req *req)
{

	char *block;

	if (!req->head || (req->kept && !weir__req_is(req, WEIR__PARTIAL)))
		return true;
	block = weir__mem_resize(weir__server_mem(req->server), NULL, 0, req->head_len);
	if (block) {
		memcpy(block, req->head, req->head_len);
		req->head = block;
	} else {
		weir__req_forget_fields(req);
		req->head = NULL;
		req->nfields = 0;
		req->head_len = 0;
	}
	if (weir__req_is(req, WEIR__PARTIAL))
		weir__partial_free(req);
	req->kept = block;
	return block != NULL;
}

void weir__req_leave(struct weir_req *req)
{
	weir_stream *stream = req->stream;
	struct weir__addr addr;

	weir__req_keep_head(req);
	if (stream->peer) {
		weir__peer_get(&req->server->loop->peers, stream->peer, &addr);
		req->peer = weir__peer_take(&req->server->loop->peers, &addr);
	}
	req->port = stream->port;
	req->stream = NULL;
	stream->arg = NULL;
}
