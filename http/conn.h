/*
 * conn.h: the two structs that carry the server, and what its files share.
 *
 * struct weir_server is what all connections have in common. struct weir_req is
 * the exchange: everything a connection needs from the first octet of a request
 * until the last of its reply is on its way. It is borrowed from the server's
 * pool, and the same block is what the application holds as its request. A
 * connection between requests has none (stream->arg is NULL), and one that has sent
 * a part of a head may have no more than that (partial.c).
 *
 * server.c makes and frees servers, with options.c; drain.c brings them to an end,
 * admit.c counts their connections. conn.c is the machine of a connection, with
 * step.c, callback.c, exchange.c, intake.c, limit.c and part.c at its side; request.c answers the
 * application's questions, reply.c and added.c write, switch.c gives connections
 * away, health.c says whether all is well, access.c tells the log.
 */
#ifndef WEIR_HTTP_CONN_H
#define WEIR_HTTP_CONN_H

#include "core/stream.h"
#include "core/trust.h"
#include "http/emit.h"
#include "http/forwarded.h"
#include "http/index.h"
#include "http/weir_http.h"

enum {
	WEIR__DRAIN_MAX = 64 * 1024,    /* octets of an unread body that are read and dropped */
	WEIR__LINGER_MAX = 256 * 1024,  /* octets that are read after our end was sent, */
	WEIR__LINGER_MS = 2000,         /* and for how long */
	WEIR__GATHER_MAX = 4 * 1024,    /* a larger body is not copied behind others */
	WEIR__FIELDS_MAX = 16 * 1024,   /* octets of the fields that an application adds */
	WEIR__QUEUE_MARGIN = 20 * 1024, /* what the queue takes beyond max_queue, for heads */
	WEIR__MEMO_MAX = 252,           /* octets of a head that is compared with the next */
	WEIR__TRAILERS = 64
};

/* Where the request is; drawn in conn.c, walked in step.c. */
enum weir__reading {
	WEIR__READ_HEAD,  /* its head is awaited or not complete */
	WEIR__READ_WAIT,  /* nobody has asked for the body yet */
	WEIR__READ_BODY,  /* pieces go to ops->data */
	WEIR__READ_WHOLE, /* all of it was read */
	WEIR__READ_DROP,  /* the request has ended; what is left of its body is dropped */
	WEIR__READ_LINGER /* the last reply is written; whatever comes is dropped */
};

/* Where the reply is. */
enum weir__writing {
	WEIR__WRITE_NONE,   /* not begun */
	WEIR__WRITE_LENGTH, /* reply_left octets are to come */
	WEIR__WRITE_CHUNKED,
	WEIR__WRITE_REST,    /* up to the end of the connection */
	WEIR__WRITE_NOTHING, /* to HEAD, or 204, 205, 304: what is written is left out */
	WEIR__WRITE_ENDED
};

/* weir_req.flags */
enum {
	WEIR__IN_HAND = 0x0001,   /* the application's, until it ends it */
	WEIR__BUSY = 0x0002,      /* one of its callbacks runs: what follows waits for its return */
	WEIR__STARTED = 0x0004,   /* octets of the head have come */
	WEIR__BEHIND = 0x0008,    /* octets behind those being handled are here already */
	WEIR__PARSED = 0x0010,    /* the parser has told the end of the message */
	WEIR__AWAITED = 0x0020,   /* the client waits for 100 Continue */
	WEIR__UNWANTED = 0x0040,  /* opts.expect has said that it shall not come */
	WEIR__CLOSING = 0x0080,   /* the connection ends with this reply */
	WEIR__STILL = 0x0100,     /* weir_req_hold */
	WEIR__END_DONE = 0x0200,  /* ops->end was called */
	WEIR__ASKED = 0x0400,     /* inside a callback: what is unread is to be offered */
	WEIR__READ_DUE = 0x0800,  /* read_due counts */
	WEIR__WRITE_DUE = 0x1000, /* write_due counts */
	WEIR__ORPHAN = 0x2000,    /* gone is to be called from the loop */
	WEIR__EOF_DONE = 0x4000,  /* ops->eof was called */
	WEIR__PARTIAL = 0x8000    /* kept is partial.c's */
};

/* The head whose fields are in the server's array, if it may well be met again: a short one, of
   a request without a body. */
struct weir__memo {
	weir_parser parser; /* as it was behind the head */
	uint32_t len;       /* 0: there is none */
	char octets[WEIR__MEMO_MAX];
};

struct weir_server {
	struct weir__tenant tenant;
	weir_loop *loop;
	struct weir__owner *owner; /* of its listeners and connections */
	weir_server_opts opts;     /* with the defaults filled in */
	weir_limits limits;
	struct weir__trust trust; /* opts.trusted, read */
	struct weir__pool pool;   /* of exchanges */
	struct weir__date date;
	struct weir_req *reqs; /* all exchanges alive */
	weir_field *fields;    /* opts.max_fields of them, for the head that was read last … */
	weir_field *trailers;  /* … and for a trailer section */
	const struct weir_req *fielded; /* whose fields these are; NULL: nobody's */
	struct weir__memo memo;
	const struct weir_req *indexed; /* whose fields are in the index; NULL: nobody's */
	struct weir__index index;
	char *spare; /* the last block that fields of a reply were collected in */
	uint32_t spare_cap;
	weir_timer grace;
	int64_t grace_due;
	int64_t body_need;                  /* octets that must come in a window of body_ms */
	int64_t write_need;                 /* octets that must be taken in one of write_ms */
	struct weir__peers served, refused; /* opts.max_per_peer: connections of each peer */
	uint32_t conns;                     /* that are HTTP's */
	weir_task last_left;                /* opts.drained is owed */
	bool draining, freed;
	bool unwell;    /* weir_server_health has said so */
	char allow[72]; /* the methods, as a list */
};

struct weir_req {
	weir_parser parser;
	weir_stream *stream; /* NULL: it has left */
	struct weir_server *server;
	struct weir_req *next, **link;
	const weir_req_ops *ops;
	void *arg;
	const char *head;  /* the head's octets: where they were read, or in `kept` */
	char *kept;        /* a block with the octets of the head; or what there is of one that
			       has not come whole */
	weir_field *parts; /* the fields of a trailer section that is not complete yet; at the
			       end of the body, the trailers with their octets behind them */
	char *added;       /* fields, or trailers, of the reply to come, as text */
	weir_task task;
	int64_t length;     /* Content-Length of the request; -1: chunked */
	int64_t reply_left; /* WRITE_LENGTH: see there; DROP, LINGER: octets still dropped */
	int64_t owed;       /* queued when the write window began, and since */
	uint32_t read_due, write_due; /* low 32 bits of the loop's ms */
	uint32_t head_len;
	uint32_t seen;  /* octets of an incomplete trailer section that were looked at */
	uint32_t came;  /* octets of the body in this window */
	uint32_t ready; /* content in front of what is unread: parsed, not taken */
	uint32_t peer;  /* after the stream has left: its peer */
	uint16_t port;
	uint16_t nfields, parts_cap, ntrailers;
	uint16_t added_len, added_cap;
	uint16_t flags;
	uint8_t reading, writing;
};

#if UINTPTR_MAX > 0xffffffff
static_assert(sizeof(struct weir_req) <= 248, "ten thousand long polls");
#endif

/*
 * What the log will hear of a request. In a server with a log it stands behind the
 * exchange, in the same block; in others there is none.
 */
struct weir__note {
	int64_t when;  /* wall clock, seconds */
	int64_t began; /* the loop's ms */
	int64_t sent;  /* octets of content */
	int16_t status;
	bool open; /* the log has not heard of it yet */
};

static inline bool weir__req_is(const struct weir_req *req, unsigned flags)
{
	return (req->flags & flags) != 0;
}

static inline struct weir__mem *weir__server_mem(const weir_server *server)
{
	return &server->loop->mem;
}

/* ---- conn.c: the machine ---- */

extern const weir_stream_ops weir__http_ops;
extern const weir_stream_ops weir__partial_ops; /* partial.c */

/* Something was written outside of a callback, or the queue has emptied: goes on from there. */
void weir__conn_rest(weir_stream *stream);
/* Something was done outside of conn_data: has it go on, from the loop. */
void weir__conn_move_on(weir_stream *stream);

static inline weir_server *weir__conn_server(const weir_stream *stream)
{
	return weir__stream_owner_arg(stream);
}

/* It has no exchange, but a part of a head. */
static inline bool weir__conn_is_parked(const weir_stream *stream)
{
	return stream->ops == &weir__partial_ops;
}

/* False after weir_reply_switch: the stream is the application's. */
static inline bool weir__conn_is(const weir_stream *stream)
{
	return stream->ops == &weir__http_ops || weir__conn_is_parked(stream);
}

/* Closed, about to be, or given away: only the bits of the stream may be looked at. */
static inline bool weir__conn_over(const weir_stream *stream)
{
	return (stream->source.bits & (WEIR__CLOSED | WEIR__DOOMED)) || !weir__conn_is(stream);
}

static inline bool weir__conn_at_eof(const weir_stream *stream)
{
	return (stream->source.bits & WEIR__END_TOLD) != 0;
}

static inline bool weir__conn_held(const weir_stream *stream)
{
	return (stream->source.bits & WEIR__HELD) != 0;
}

/* Whether octets behind those being handled are here already. */
static inline void weir__note_behind(struct weir_req *req, bool behind)
{
	req->flags &= (uint16_t)~WEIR__BEHIND;
	if (behind)
		req->flags |= WEIR__BEHIND;
}

static inline bool weir__takes_body(const weir_stream *stream, const struct weir_req *req)
{
	return stream->arg == req && req->reading == WEIR__READ_BODY &&
	       !weir__req_is(req, WEIR__STILL);
}

/* ---- step.c: the reading side ---- */

/* Uses octets. True: it may go on with those behind them. */
bool weir__req_step(struct weir_req *req, char *data, size_t len, size_t *used);

/* ---- callback.c: the application ---- */

/*
 * A callback has returned. False: there is no connection any more, it was given
 * away, or it has no more use for octets. The exchange may be gone either way.
 */
bool weir__req_returned(weir_stream *stream, struct weir_req *req);
/* Tells what it is time to tell: the end of the body, then that of the peer. The same. */
bool weir__req_tell(struct weir_req *req);
/* Tells that the peer sends no more. The same. */
bool weir__req_tell_eof(struct weir_req *req);
/* Nobody has the request in hand: how does the connection go on? */
void weir__req_conclude(struct weir_req *req);
/* Whether it can live on with what is unread of the body. */
bool weir__req_drainable(const struct weir_req *req);
/* The application has ended its request, from inside a callback or not. */
void weir__req_ended(struct weir_req *req);
/* The application has changed what it wants of the body. */
void weir__req_asks(struct weir_req *req);
/* It has ended with a reply behind which the connection is the application's. */
void weir__req_switched(struct weir_req *req, const weir_stream_ops *ops, void *arg);
/* Calls ops->gone later, from the loop. */
void weir__req_orphan(struct weir_req *req);
/* req->task: what the application is owed, but not inside its own call. */
void weir__req_settle(weir_task *task, void *arg);

/* ---- admit.c: who is let in ---- */

/* It is HTTP's from here on: it is waited for its first request. */
void weir__conn_begin(weir_stream *stream);
/* Where its peer has too many it is refused, or closed. From the loop only. */
void weir__conn_admit(weir_stream *stream);
/* A connection is HTTP's no more. Called when it is closed; by whom it is given away. */
void weir__conn_left(weir_stream *stream);
/* owner->closed */
void weir__conn_closed(weir_stream *stream);

/* ---- exchange.c: the block ---- */

/* An exchange for the stream. NULL: no memory. */
struct weir_req *weir__req_begin(weir_stream *stream);
/* Makes it ready for the next request. */
void weir__req_await(struct weir_req *req);
/* Its parser forgets the last one. */
void weir__req_renew_parser(struct weir_req *req);
/* What belongs to one request goes; what belongs to the connection stays, and the parts. */
void weir__req_strip(struct weir_req *req);
/* They go with the message: the parser goes on in a field that is cut, though nobody wants it. */
void weir__req_drop_parts(struct weir_req *req);
/* The fields of its head: nfields of them, until the next call that reads a head. */
const weir_field *weir__req_fields(const struct weir_req *req);
/* Has the head outlive the octets it was read from. False: no memory. */
bool weir__req_keep_head(struct weir_req *req);
/* Its fields are others from now on. */
void weir__req_forget_fields(const struct weir_req *req);
/* Takes the request away from its stream; it stays the application's. */
void weir__req_leave(struct weir_req *req);
/* The block is given back. */
void weir__req_free(struct weir_req *req);

/* ---- partial.c: a head that has not come whole ---- */

/* Keeps the octets of one that the parser wants more of. False: no memory. */
bool weir__partial_begin(struct weir_req *req, const char *data, size_t len);
/*
 * Goes on with one that was kept. *used: as many octets are the head's; *event: what the
 * parser says; when that is WEIR_HEAD_END, *head is all of it, for as long as it is kept.
 * False: no memory.
 */
bool weir__partial_feed(struct weir_req *req, const char *data, size_t len, size_t *used,
                        weir_event *event, weir_str *head);
void weir__partial_free(struct weir_req *req);
/* The exchange of the stream goes, the part of a head stays. */
void weir__partial_park(weir_stream *stream);
/* The stream of one that is parked is being closed. */
void weir__partial_close(weir_stream *stream);

/* ---- intake.c: octets ---- */

/*
 * Content that has come is content[0..len) of data; the parser is through with
 * at octets. Chunks are moved together, so that the application sees the
 * content in one piece and what it leaves can be offered together with more.
 */
struct weir__pieces {
	char *data;
	size_t from, len, at;
	bool bad, dropped;
};

/* Reads as much of the message as is there. False: no memory. */
bool weir__take_pieces(struct weir_req *req, struct weir__pieces *pieces, size_t len);
/* Moves what was not taken right before what was not parsed; where it begins. */
size_t weir__take_rest(struct weir__pieces *pieces);

/* ---- limit.c: time ---- */

bool weir__limit_passed(const weir_stream *stream, uint32_t due);
/* Sets the one limit of the stream to the nearest of those that count. */
void weir__limit_arm(weir_stream *stream, struct weir_req *req);
/* A window of writing has ended. False: the peer took too little. */
bool weir__limit_taken(const weir_stream *stream, struct weir_req *req);

/* ---- part.c: the end; from the loop only, but for the two named part ---- */

/* The stream has left; tells the application that has the request in hand, or ends it. */
void weir__req_gone(struct weir_req *req, int why);
/* Nobody has use for it any more, but perhaps the log: gives the block back. */
void weir__req_over(struct weir_req *req);
/* The exchange has lost its stream, one way or the other. */
void weir__req_lost(struct weir_req *req, int why);
/* Ends the connection after a last reply. */
void weir__req_part(struct weir_req *req);
/* Ends it for a fault of the client's, with a reply that says so if none has begun. */
void weir__req_refuse(struct weir_req *req, int status, const char *text, int why);
/* The same, for what the parser refused. */
void weir__req_refuse_message(struct weir_req *req);
/* The peer sends no more and the message is not complete. Earlier replies still go out. */
void weir__req_cut_short(struct weir_req *req);
/* Closes at once. */
void weir__conn_cut(weir_stream *stream, int why);
/* The connection has no request: closes it as soon as all is sent. */
void weir__conn_part(weir_stream *stream);

/* ---- reply.c ---- */

/* 100 Continue, if the client waits for it and it can still be sent. */
void weir__reply_continue(struct weir_req *req);
/* A reply of the server's own: the text as its body, and one field, unless NULL. 0 or < 0. */
int weir__reply_own(struct weir_req *req, int status, const char *text, const char *field,
                    const char *value);
/* The head of a reply that ends HTTP on the connection: 101, or 200 when protocol is NULL.
   0, or < 0 with nothing sent of it. */
int weir__reply_switching(struct weir_req *req, const char *protocol);

/* ---- health.c ---- */

/* Whether the request asks for opts.health / answers it: 0 or < 0. */
bool weir__health_asked(const struct weir_req *req);
int weir__health_answer(struct weir_req *req);

/* ---- added.c: fields, or trailers, of the reply to come ---- */

/* Adds one. 0, WEIR_EFULL or -ENOMEM. */
int weir__add_field(struct weir_req *req, const char *name, const char *value);
/* Who sends Upgrade names it in Connection, so that it goes no further (RFC 9110 7.8). */
int weir__add_upgrade(struct weir_req *req, const char *protocols);
/* All of them, and the empty line behind them. */
weir_str weir__added_section(struct weir_req *req);
/* Gives them back. */
void weir__added_forget(struct weir_req *req);

/* ---- access.c: the log ---- */

/* Of a server with a log only. */
static inline struct weir__note *weir__note(struct weir_req *req)
{
	return (struct weir__note *)(void *)(req + 1);
}

/* Whether the log is to hear of this request. */
static inline bool weir__access_due(struct weir_req *req)
{
	return req->server->opts.log && weir__note(req)->open;
}

/* The first octet of a head is here / a reply has begun, with so much of its content / more
   of that was written. Of a server with a log only. */
void weir__access_begin(struct weir_req *req);
void weir__access_reply(struct weir_req *req, int status, size_t len);
void weir__access_sent(struct weir_req *req, size_t len);
/*
 * Tells the log of it, if that is due; from the loop only. False: the application
 * has freed the server meanwhile; connection and exchange are gone.
 */
bool weir__access_tell(struct weir_req *req, bool kept);

/* ---- options.c ---- */

/* Fills in the defaults. False: a value that makes no sense. */
bool weir__options_settle(weir_server_opts *opts);
/* Sets what follows from a server's options: limits of the parser, octets of windows, Allow. */
void weir__options_apply(weir_server *server);

/* ---- drain.c ---- */

void weir__drain_init(weir_server *server);
/* Nobody is told any more. */
void weir__drain_stop(weir_server *server);
/* A connection has left: was it the last one of a server that is drained? */
void weir__server_emptied(weir_server *server);
/* Drained without patience for connections that are idle. */
bool weir__server_hurries(const weir_server *server);
/* How long a connection may be idle now. */
int32_t weir__server_patience(const weir_server *server);

/* ---- server.c ---- */

/* Calls it with each connection that is the server's and not given away; it may be closed. */
void weir__server_each(const weir_server *server, void (*call)(weir_stream *stream));
/* Closes all of them; those who have a request in hand are told from the loop. */
void weir__server_cut(weir_server *server);
/* Frees a server that was given up, once nobody needs it. */
void weir__server_check(weir_server *server);

#endif
