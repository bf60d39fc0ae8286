/*
 * intake.c: how do octets become content and trailers, without being copied?
 *
 * The parser's slices are looked at where the octets were read. Only what must
 * outlive them is put elsewhere: the fields of a trailer section that has not come
 * whole, and the trailers, which are asked for when the body is long gone.
 */
#include <string.h>

#include "http/conn.h"
#include "http/parse.h"

/*
 * Where the parser puts the fields of a trailer section: into the server's array
 * while one call reads it, else into one of the exchange's own that has room for
 * what these octets can hold. A field line has at least four of them. False: no memory.
 */
static bool make_room(struct weir_req *req, size_t len)
{
	const size_t fresh = len > req->seen ? len - req->seen : 0;
	size_t need = req->parser.nfields + fresh / 4 + 3;
	weir_field *bigger;

	req->parser.fields = req->parts ? req->parts : req->server->trailers;
	req->parser.max_fields = WEIR__TRAILERS;
	if (!req->parts || need <= req->parts_cap)
		return true;
	if (need < req->parts_cap + req->parts_cap / 2u)
		need = req->parts_cap + req->parts_cap / 2u;
	if (need > WEIR__TRAILERS)
		need = WEIR__TRAILERS;
	if (need <= req->parts_cap)
		return true;
	bigger = weir__mem_resize(weir__server_mem(req->server), req->parts,
	                          req->parts_cap * sizeof *bigger, need * sizeof *bigger);
	if (!bigger)
		return false;
	req->parser.fields = req->parts = bigger;
	req->parts_cap = (uint16_t)need;
	return true;
}

/* The section is not complete: its fields so far move out of the shared array. False: no memory. */
static bool keep_parts(struct weir_req *req, size_t len)
{
	/* One more than there are: the one that is being read. */
	const size_t n =
		req->parser.nfields < WEIR__TRAILERS ? req->parser.nfields + 1u : WEIR__TRAILERS;

	req->seen = (uint32_t)len;
	if (req->parts)
		return true;
	req->parts =
		weir__mem_resize(weir__server_mem(req->server), NULL, 0, n * sizeof *req->parts);
	if (!req->parts)
		return false;
	memcpy(req->parts, req->parser.fields, n * sizeof *req->parts);
	req->parts_cap = (uint16_t)n;
	return true;
}

static void add_piece(struct weir__pieces *pieces, weir_slice piece)
{
	char *place = pieces->data + pieces->at + piece.at;

	if (pieces->dropped)
		return;
	if (!pieces->len)
		pieces->from = pieces->at + piece.at;
	else if (pieces->data + pieces->from + pieces->len != place)
		memmove(pieces->data + pieces->from + pieces->len, place, piece.len);
	pieces->len += piece.len;
}

/* Copies a slice of data behind the *at octets that are in out, and has it point there. */
static void move_slice(weir_slice *slice, const char *data, char *out, uint32_t *at)
{
	memcpy(out + *at, data + slice->at, slice->len);
	slice->at = *at;
	*at += slice->len;
}

/*
 * The trailer section is complete, and its slices point into data, which goes: it gets a
 * block of just its size, fields first. The parser has passed over those that may not be
 * trailers. False: no memory.
 */
static bool keep_trailers(struct weir_req *req, const char *data)
{
	const weir_field *fields = req->parser.fields;
	const uint16_t n = req->parser.nfields;
	size_t octets = 0, cap;
	weir_field *block;
	uint32_t at = 0;

	for (uint16_t i = 0; i < n; i++)
		octets += fields[i].name.len + fields[i].value.len;
	cap = n + (octets + sizeof *block - 1) / sizeof *block;
	block = weir__mem_resize(weir__server_mem(req->server), NULL, 0, cap * sizeof *block);
	if (!block)
		return false;
	memcpy(block, fields, n * sizeof *block);
	for (uint16_t i = 0; i < n; i++) {
		move_slice(&block[i].name, data, (char *)(block + n), &at);
		move_slice(&block[i].value, data, (char *)(block + n), &at);
	}
	weir__req_drop_parts(req);
	req->parts = block;
	req->parts_cap = (uint16_t)cap;
	req->ntrailers = n;
	return true;
}

/* Reads as much of the message as is there. False: no memory. */
bool weir__take_pieces(struct weir_req *req, struct weir__pieces *pieces, size_t len)
{
	weir_parser *p = &req->parser;
	weir_event event = WEIR_BODY;
	const char *trailers = NULL;

	while (event != WEIR_MORE && event != WEIR_DONE && event != WEIR_BAD) {
		size_t used;
		weir_slice piece;

		if (!make_room(req, len - pieces->at))
			return false;
		event = weir_parse(p, pieces->data + pieces->at, len - pieces->at, &used, &piece);
		if (event == WEIR_BODY)
			add_piece(pieces, piece);
		else if (event == WEIR_TRAILERS && !pieces->dropped)
			trailers = pieces->data + pieces->at;
		pieces->at += used;
	}
	pieces->bad = event == WEIR_BAD;
	if (event == WEIR_DONE)
		req->flags |= WEIR__PARSED;
	if (event == WEIR_MORE && p->seen & WEIR__TRAILER)
		return keep_parts(req, len - pieces->at);
	/* The end comes right behind them, without another octet. */
	return !trailers || keep_trailers(req, trailers);
}

/* Moves what was not taken right before what was not parsed. */
size_t weir__take_rest(struct weir__pieces *pieces)
{
	const size_t start = pieces->at - pieces->len;

	if (pieces->len && pieces->from != start)
		memmove(pieces->data + start, pieces->data + pieces->from, pieces->len);
	return start;
}
