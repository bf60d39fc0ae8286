/*
 * weir: HTTP/1.1 for event-driven network programs.
 *
 * Two parts. The parser turns octets you own into events and knows nothing of
 * sockets, memory or time. The server stands on it and on the streams of
 * weir.h: it reads requests, calls your handler, and sends what you reply. Who
 * wants a server only may begin to read there.
 *
 * The rules of weir.h hold here, too. Results: >= 0 is success, < 0 is -errno or
 * a WEIR_E… code. Callbacks come from the loop only; in each of them any request
 * may be ended, any stream closed, and any server freed.
 */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include <weir.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- words of the protocol ---------------------------------------------- */

/* Methods known by name (RFC 9110 section 9, RFC 5789). */
typedef enum weir_method {
	WEIR_METHOD_OTHER, /* any other token */
	WEIR_GET,
	WEIR_HEAD,
	WEIR_POST,
	WEIR_PUT,
	WEIR_DELETE,
	WEIR_CONNECT,
	WEIR_OPTIONS,
	WEIR_TRACE,
	WEIR_PATCH
} weir_method;

/* The bit of a method in a set of methods, as weir_server_opts.methods. */
#define WEIR_METHOD_BIT(m) (1u << (m))

/* "GET" …; "" for WEIR_METHOD_OTHER. Static. */
const char *weir_method_name(weir_method method);

/* The standard reason phrase of a status code ("Not Found"), or "". Static. */
const char *weir_status_reason(int status);

/* ---- parser ------------------------------------------------------------- */

/* A piece of a buffer: an offset, not a pointer, so that the buffer may move. */
typedef struct weir_slice {
	uint32_t at, len;
} weir_slice;

/* A field line; the value is without the white space around it. */
typedef struct weir_field {
	weir_slice name, value;
} weir_field;

/* What one call of weir_parse tells. */
typedef enum weir_event {
	WEIR_MORE,     /* more octets are needed */
	WEIR_HEAD_END, /* the head is complete and good */
	WEIR_BODY,     /* a piece of the body */
	WEIR_TRAILERS, /* the trailer section is complete; fields hold it (not told when empty) */
	WEIR_DONE,     /* the message is complete */
	WEIR_BAD       /* refused: error says why; every later call says the same */
} weir_event;

/* How the end of the body is found (RFC 9112 section 6.3). */
typedef enum weir_framing {
	WEIR_NO_BODY,
	WEIR_LENGTH,
	WEIR_CHUNKED,
	WEIR_UNTIL_CLOSE /* a response that lasts as long as the connection */
} weir_framing;

/*
 * Why a message is refused. weir_refusal_status gives the status to answer a
 * request with (whoever relays a response that is refused answers 502, whatever
 * the reason: RFC 9112 6.3), weir_refusal_text a short text that names the fault.
 */
typedef enum weir_refusal {
	WEIR_OK,
	WEIR_BAD_EMPTY_LINES,  /* more than 4 empty lines before the request (RFC 9112 2.2) */
	WEIR_BAD_LINE_END,     /* a CR or LF that is not part of CRLF (RFC 9112 2.2) */
	WEIR_BAD_OCTET,        /* a control octet or NUL in the head (RFC 9110 5.5) */
	WEIR_BAD_REQUEST_LINE, /* not exactly method SP target SP version (RFC 9112 3) */
	WEIR_BAD_STATUS_LINE,  /* not exactly version SP 3DIGIT SP reason, from 100 (RFC 9112 4) */
	WEIR_BAD_METHOD,       /* the method is not a token (RFC 9110 9.1) */
	WEIR_BAD_TARGET,       /* octets outside 0x21-0x7E, or '#' (RFC 9112 3.2) */
	WEIR_BAD_TARGET_FORM,  /* the form of the target does not suit the method (RFC 9112 3.2) */
	WEIR_BAD_VERSION,      /* not HTTP/D.D (RFC 9112 2.3) */
	WEIR_BAD_MAJOR,        /* a major version other than 1: 505 (RFC 9110 15.6.6) */
	WEIR_BAD_FIELD_NAME, /* empty, not a token, or white space before the colon (RFC 9112 5.1) */
	WEIR_BAD_FIELD_LINE, /* no colon (RFC 9112 5) */
	WEIR_BAD_FOLDING,    /* a line that begins with white space (RFC 9112 5.2) */
	WEIR_BAD_HOST,       /* missing in 1.1, repeated, or not uri-host[:port] (RFC 9112 3.2) */
	WEIR_BAD_LENGTH, /* Content-Length not 1*DIGIT up to 2^63-1, or repeated (RFC 9110 8.6) */
	WEIR_BAD_CODING, /* Transfer-Encoding does not end in chunked, or chunked twice (RFC 9112 6.1) */
	WEIR_BAD_CODING_UNKNOWN, /* other codings before chunked: 501 (RFC 9112 6.1) */
	WEIR_BAD_FRAMING, /* Transfer-Encoding with Content-Length, or in HTTP/1.0 (RFC 9112 6.1) */
	WEIR_BAD_CHUNK,   /* a chunk line against the grammar (RFC 9112 7.1) */
	WEIR_BAD_CHUNK_END, /* octets after chunk data other than CRLF (RFC 9112 7.1) */
	WEIR_BAD_CHUNK_LINE, /* a chunk line, or all extensions, longer than allowed (RFC 9112 7.1.1) */
	WEIR_BAD_EXPECT,     /* an expectation other than 100-continue: 417 (RFC 9110 10.1.1) */
	WEIR_BAD_END,        /* the connection ends within the message (RFC 9112 8) */
	WEIR_BIG_TARGET,     /* the target is longer than the limit: 414 */
	WEIR_BIG_HEAD,       /* the head is longer than the limit, or the method than 65535: 431 */
	WEIR_BIG_FIELDS,     /* more fields than the limit: 431 */
	WEIR_BIG_BODY,       /* the body is longer than the limit: 413 */
	WEIR_BIG_TRAILERS, /* the trailer section is longer, or has more fields, than the limit: 431 */
	WEIR_REFUSALS      /* how many there are */
} weir_refusal;

/* 400 where nothing else is said above; 502 for a status line; 0 for what is no refusal. */
int weir_refusal_status(weir_refusal why);
/* One line, without its end; "" for what is no refusal. Static. */
const char *weir_refusal_text(weir_refusal why);

/* What a message may cost; the refusals say which status follows. A zeroed one is all defaults. */
typedef struct weir_limits {
	uint64_t body;       /* octets of content; 0: 2^63-1 (the server has its own default) */
	uint32_t head;       /* octets of the head with all its empty lines; 0: 32 KiB */
	uint32_t target;     /* octets of the request target; 0: 8 KiB */
	uint32_t chunk_line; /* octets of one chunk line; 0: 1 KiB (RFC 9112 7.1.1) */
	uint32_t chunk_ext;  /* octets of all chunk extensions of a message; 0: 16 KiB */
	uint32_t trailer;    /* octets of the trailer section; 0: 16 KiB */
	uint16_t fields;     /* field lines in a head; 0: 100 */
	uint16_t trailers;   /* field lines in a trailer section; 0: 64 */
} weir_limits;

/*
 * The parser's state; the members named here may be read, after the event that
 * is said with each, and are valid until the next message begins. Offsets count
 * from the first octet given to the call that returned WEIR_HEAD_END (or
 * WEIR_TRAILERS, for fields).
 */
typedef struct weir_parser {
	weir_field *fields;        /* yours; may be moved (and this member changed) between calls */
	const weir_limits *limits; /* yours; must outlive the parser */
	uint64_t left;             /* HEAD_END: the Content-Length; later private */
	uint64_t room;             /* private: octets of content that the limit still allows */
	union {
		weir_slice target; /* HEAD_END, requests */
		weir_slice reason; /* HEAD_END, responses */
	};
	uint32_t pos;   /* private: octets of the unconsumed head or line looked at */
	uint32_t spent; /* private: octets counted against a limit that spans lines */
	union {
		uint16_t method_len; /* HEAD_END: the method's octets end one before target.at */
		uint16_t status;     /* HEAD_END, responses: 100 to 999 */
	};
	uint16_t max_fields; /* yours: room in fields */
	uint16_t nfields;    /* HEAD_END, TRAILERS: how many there are */
	uint8_t state;       /* private */
	uint8_t method;      /* HEAD_END: a weir_method */
	uint8_t minor;       /* HEAD_END: 0 for HTTP/1.0, else 1 */
	uint8_t framing;     /* HEAD_END: a weir_framing */
	uint8_t error;       /* BAD: a weir_refusal */
	uint8_t flags;       /* HEAD_END: WEIR_KEEP … */
	uint8_t first;       /* private: the state in which a message begins */
	uint8_t answers;     /* private: a response's request, a weir_method */
	uint16_t seen;       /* private: what the fields that frame the message said */
} weir_parser;

enum {
	WEIR_KEEP = 1,            /* the connection may live on after this message (RFC 9112 9.3) */
	WEIR_EXPECT_CONTINUE = 2, /* Expect: 100-continue, in 1.1, with a body to come */
	WEIR_UPGRADE = 4,  /* Connection names upgrade, and there is an Upgrade field, in 1.1 */
	WEIR_ABSOLUTE = 8, /* the target has a scheme and authority */
	WEIR_TUNNEL = 16   /* a response behind which HTTP ends: 101, or 2xx to CONNECT */
};

/*
 * Makes p ready for a request. limits may be NULL for the defaults; else it
 * must outlive p. fields has room for max_fields; a head or a trailer section with
 * more fields than there is room for is refused as WEIR_BIG_FIELDS or
 * WEIR_BIG_TRAILERS.
 */
void weir_parser_init(weir_parser *p, const weir_limits *limits, weir_field *fields,
                      uint16_t max_fields);

/*
 * The same for responses (RFC 9112 4). They are held to the rules of requests:
 * folded lines, transfer codings other than chunked, and framing that could be
 * understood in two ways are refused. An interim response is a message of its
 * own, with a status below 200; the final one follows it.
 */
void weir_parser_init_response(weir_parser *p, const weir_limits *limits, weir_field *fields,
                               uint16_t max_fields);

/*
 * Says what the next final response answers: it has no body after WEIR_HEAD, and
 * a 2xx opens a tunnel after WEIR_CONNECT. Call it before the octets of the
 * response are given; forgotten with its head.
 */
void weir_parser_answers(weir_parser *p, weir_method method);

/*
 * Looks at data[0..len) and says what comes next. *used is how many octets from
 * the front are done with: drop them before the next call, which must begin
 * with the octet after them.
 *
 *   MORE      *used octets are done with (in a head 0: give the same octets
 *             again with more behind them; only the new ones, and at most one
 *             block of 64 before them, are looked at, but for a field line
 *             that frames the message: once more when it ends).
 *   HEAD_END  *used is the length of the head (with empty lines before it);
 *             target, fields … are slices of data.
 *   BODY      *piece is a slice of data, never empty; *used covers it.
 *   TRAILERS  fields[0..nfields) are slices of data.
 *   DONE      p is ready for the next message; what is left belongs to it.
 *   BAD       error says why; *used is 0.
 *
 * The order of events does not depend on how the octets were cut. No octet at
 * or beyond data + len is read. Nothing is allocated. Linear in len.
 */
weir_event weir_parse(weir_parser *p, const void *data, size_t len, size_t *used,
                      weir_slice *piece);

/*
 * Says that the connection has ended, after all its octets were given (RFC 9112
 * 8). DONE: a response that lasts until then is complete. MORE: it ended between
 * two messages. BAD: within one (WEIR_BAD_END), or it was refused before.
 */
weir_event weir_parse_end(weir_parser *p);

/* ---- server ------------------------------------------------------------- */

typedef struct weir_server weir_server;
typedef struct weir_req weir_req;
typedef struct weir_access weir_access;

/*
 * A request has come: its head is complete and good, its body (if any) is not
 * read yet. The request is yours until you end it with weir_reply,
 * weir_reply_end or weir_reply_switch, here or any time later, even when the
 * peer has left meanwhile; then the pointer is dead. No time limit counts while
 * the peer waits for you, and further requests of its connection wait as well.
 */
typedef void weir_handler(weir_req *req, void *arg);

/*
 * A zeroed one is all defaults, but for the handler. WEIR_OFF switches a limit off
 * where it says so. A status in parentheses is what is answered to who passes the
 * limit, if no reply has begun; the connection ends then, either way.
 */
typedef struct weir_server_opts {
	weir_handler *request; /* required */
	void *arg;             /* the last argument of each callback here */
	/*
	 * Asked when a client waits for 100 Continue (RFC 9110 10.1.1): return true to let
	 * the body come (100 is sent when the body is first wanted: weir_req_on), false when
	 * the handler will answer without it. It may itself reply: the handler is not called
	 * then. A reply without a 100 before it is the connection's last, unless the body has
	 * come all the same: nobody knows whether it will. NULL: always true.
	 */
	bool (*expect)(weir_req *req, void *arg);
	/*
	 * WEIR_METHOD_BITs of those handed to the handler; 0: GET HEAD POST PUT
	 * DELETE PATCH OPTIONS. Other known ones get 405 with Allow, unknown ones 501
	 * unless the bit of WEIR_METHOD_OTHER hands them over as well; the connection
	 * lives on after both. CONNECT is a proxy's: see weir_reply_switch.
	 */
	uint32_t methods;

	/* Of a request. Chunk lines (400) and trailers (431) have the defaults of weir_limits. */
	int32_t max_head;   /* octets; 0: 32 KiB (431) */
	int32_t max_fields; /* up to 65534; 0: 100 (431) */
	int32_t max_target; /* octets; 0: 8 KiB (414) */
	int64_t max_body;   /* octets; 0: 1 GiB; WEIR_OFF: none (413: at once, without a 100,
			       where the length is announced) */

	/* Of connections. Beyond max_conns, which counts all of its listeners and those given
	   away by weir_reply_switch, the one that is idle longest is closed, or new ones wait
	   in the backlog. */
	int32_t max_conns;    /* 0: 16384; WEIR_OFF: none */
	int32_t max_requests; /* per connection, up to 65534; the reply to the last one says
				 close; 0 or WEIR_OFF: none */
	/* Requests of a connection that are begun before others have their turn; what is
	   behind them comes in the next. 0: 64; WEIR_OFF: all of one read. */
	int32_t max_pipelined;
	/*
	 * Connections of one peer: of an IPv4 address (also of one mapped into IPv6), or
	 * of a /64 of IPv6; unix sockets are not counted, those given away by
	 * weir_reply_switch are. The peer is who connects, whatever `trusted` says, or whom
	 * weir_listener_proxy has learned: behind other proxies that is the proxy. One more is
	 * answered with 503 as soon as it is accepted, and closed when the reply has arrived;
	 * when as many are being refused like this, further ones are closed without a reply.
	 * They count in max_conns meanwhile. Where memory is out connections are served
	 * uncounted. 0 or WEIR_OFF: no limit.
	 */
	int32_t max_per_peer;

	/* Of time, up to 2^29 ms. */
	int32_t head_ms;       /* for the head, from accept or, later, its first octet;
				  0: 10 s (408; silence and empty lines are closed without
				  a reply) */
	int32_t defer_ms;      /* as of weir_stream_opts: who sends nothing is not accepted, and
				  costs nothing; head_ms counts from accept. 0 or WEIR_OFF: is */
	int32_t idle_ms;       /* between requests; 0: 75 s (closed without a reply) */
	int32_t drain_idle_ms; /* the same once the server is drained, if it is less; 0: 5 s;
				  WEIR_OFF: idle ones are closed at once then, and requests
				  on their way are lost */
	int32_t body_ms;       /* window in which body_rate must be kept; 0: 10 s (408); what
				  you hold does not count */
	int32_t write_ms;      /* window in which write_rate must be kept; 0: 10 s (reset) */
	int32_t body_rate;     /* octets a second that a client must send, and */
	int32_t write_rate;    /* that it must take; 0: 100; WEIR_OFF: one octet a window */

	/* Of a connection's queue, in octets. Above high further requests wait. */
	int32_t low, high; /* the marks; 0: 16 and 64 KiB, or less where the next is lower */
	int32_t max_queue; /* writes beyond are WEIR_EFULL; 0: 4 MiB */

	const weir_transport *transport; /* NULL: plain sockets */
	void *transport_arg;
	/*
	 * The last connection has gone after weir_server_drain: called once, from the
	 * loop. The server may be freed in it. Requests in your hands whose connection has
	 * gone are yours still; connections given away are not waited for. Not called after
	 * weir_server_free. NULL: nobody is told.
	 */
	void (*drained)(weir_server *server, void *arg);
	/*
	 * Proxies that are believed when they say for whom they ask (weir_req_client):
	 * a comma list of addresses and networks, as "127.0.0.0/8, ::1", and `unix`
	 * for all who come by a unix socket. A network may have no bits behind its
	 * prefix. Read by weir_server_new, and yours again then. NULL: nobody is believed.
	 */
	const char *trusted;
	/*
	 * Hears once, from the loop, of each request that is over: its reply is complete,
	 * or was given up, or it was given away; also of those that the server answered by
	 * itself, but not of connections refused by max_per_peer, of which nothing is read.
	 * The accessors of a request work; for a head that was refused or never complete
	 * they give empty strings, no fields, and method and version as far as they were
	 * read. Nothing else may be done with the request, and it is gone afterwards. After
	 * weir_server_free there are no more calls. NULL: no log, and no cost.
	 */
	void (*log)(weir_req *req, const weir_access *access, void *arg);
	/*
	 * A path that the server answers by itself, so that load balancers can ask whether it
	 * is well: GET and HEAD of exactly this one, whatever query follows and whatever
	 * `methods` says, get 200 "ok", or 503 "draining" after weir_server_drain or
	 * weir_server_health(server, false), both with `Cache-Control: no-store`. Other methods
	 * are the handler's. Compared as it is sent, not decoded; it begins with '/', and must
	 * outlive the server. NULL: there is none.
	 */
	const char *health;
} weir_server_opts;

/*
 * Serves `handler` on an address with all defaults: the common case in a line.
 * The server belongs to the loop and is drained and freed with it. Returns 0, or
 * < 0 as weir_listen; WEIR_EINVALID without a handler.
 */
int weir_http_listen(weir_loop *loop, const char *address, weir_handler *handler, void *arg);

/*
 * Makes a server; opts is copied. It serves nobody before weir_server_listen, and is
 * drained and freed with its loop unless you do so before. Returns 0, -ENOMEM, or
 * WEIR_EINVALID with *server NULL: no handler, a method that is none, a limit that is
 * negative where WEIR_OFF is not said, or too large,
 * marks that are not low <= high <= max_queue, a malformed `trusted`, or a `health` that
 * does not begin with '/'.
 */
int weir_server_new(weir_server **server, weir_loop *loop, const weir_server_opts *opts);

/* Listens on one more address; listener may be NULL (it is what weir_listener_proxy asks
   for). As weir_listen; WEIR_ESTATE after weir_server_drain. */
int weir_server_listen(weir_server *server, weir_listener **listener, const char *address);

/*
 * Serves one more connection: a connected stream socket that you have, as inetd's
 * `nowait` gives one at descriptor 0, or one that another process has accepted. It is
 * made non-blocking and close-on-exec, and closed by the server; all limits hold as for
 * those that it accepts. Beyond max_conns the connection that is idle longest is closed.
 *
 * Returns 0, or with the descriptor still yours -EBADF, -ENOTSOCK, -ENOTCONN (the peer
 * may have left), -EBUSY (it is watched already), -ENOMEM, -EMFILE (there is no room, or
 * select cannot watch so high a number), or WEIR_ESTATE after weir_server_drain.
 */
int weir_server_adopt(weir_server *server, int fd);

/*
 * Stops listening, and has each connection end with one more reply, which says
 * `Connection: close` (RFC 9112 9.6): a busy one with that to the request it has
 * now, unless the head of it has gone out already; an idle one, and one that
 * was accepted and has sent nothing, waits for a request for drain_idle_ms, so
 * that none is lost which was on its way. What is not done in grace_ms
 * (WEIR_OFF: as long as it takes) is cut off: requests in your hands are told by
 * gone with WEIR_ECLOSED. opts.drained is called when the last connection has
 * gone, in the next turn when there is none. The loop is then free to end.
 * Again: the earlier deadline holds.
 */
void weir_server_drain(weir_server *server, int64_t grace_ms);

/*
 * Says whether the server is well, as it is at first: what opts.health is answered with
 * from the next question on. Nothing else changes. Whoever says no some time before
 * weir_server_drain has load balancers look away before its listeners are closed.
 */
void weir_server_health(weir_server *server, bool well);

/*
 * Closes all its connections and listeners and frees it. Requests in your hands
 * stay yours to end; their gone is called from the loop with WEIR_ECLOSED. NULL
 * is nothing. A request that is in hand when its loop is freed is freed with it,
 * silently.
 */
void weir_server_free(weir_server *server);

/* Connections open now, with those given away by weir_reply_switch. */
uint32_t weir_server_connections(const weir_server *server);

/* ---- request: what it says ---------------------------------------------- */

/*
 * What the accessors return is valid until control returns to the loop; ask
 * again later. They work until the request is ended, whether the peer is there
 * or not. Strings are not zero-terminated.
 */
weir_method weir_req_method(const weir_req *req);
/* The method as it was sent; the only name that one of WEIR_METHOD_OTHER has. */
weir_str weir_req_method_name(const weir_req *req);
/* The target as it was sent; its path ("/" when an absolute target has none; "*" for OPTIONS *,
   and for OPTIONS of an absolute target with neither path nor query, which means the same; empty
   for CONNECT); what follows the first '?' (data NULL when there is no '?'). Not decoded, and
   not normalized: ".." is what you make of it. */
weir_str weir_req_target(const weir_req *req);
weir_str weir_req_path(const weir_req *req);
weir_str weir_req_query(const weir_req *req);
/*
 * Whom the request is for, as host[:port]: that of the target when it names one,
 * whatever Host says (RFC 9112 3.2.2), else the value of Host. data NULL when there
 * is neither, which only HTTP/1.0 may.
 */
weir_str weir_req_authority(const weir_req *req);
/* 10 or 11. */
int weir_req_version(const weir_req *req);
/* The value of the first field of this name, in any case; data NULL when there is none. */
weir_str weir_req_field(const weir_req *req, const char *name);
/*
 * The next field of this name, in any case, from field number *i on: 1, with its
 * value and *i behind it, or 0 when there is no more. Begin with *i = 0; for
 * fields that may come in several lines (RFC 9110 5.3).
 */
int weir_req_find(const weir_req *req, const char *name, unsigned *i, weir_str *value);
/* Field number i, from 0, in the order received. 1, or 0 when there is none of that number. */
int weir_req_nth(const weir_req *req, unsigned i, weir_str *name, weir_str *value);
/*
 * Trailer fields, from the `end` callback on; before it, and without any, none. They are
 * no fields of the head, and those that may not be trailers are passed over (RFC 9110
 * 6.5.1). As weir_req_field and weir_req_nth.
 */
weir_str weir_req_trailer(const weir_req *req, const char *name);
int weir_req_nth_trailer(const weir_req *req, unsigned i, weir_str *name, weir_str *value);
/*
 * The protocols that the client offers to upgrade to (RFC 9110 7.8): the value of the Upgrade
 * field (of the first with a value; weir_reply_switch knows them all). data NULL when it offers
 * none: no such field, Connection does not name it, or the request is HTTP/1.0.
 */
weir_str weir_req_upgrade(const weir_req *req);
/* -1: of unknown length (chunked); 0: no body; else the Content-Length. */
int64_t weir_req_length(const weir_req *req);
/* The peer's address, as weir_peer: its length, or -ENOSPC. */
int weir_req_peer(const weir_req *req, char *text, size_t size);
/*
 * The address of the client behind proxies, in the same form; port 0 when it is
 * not known. That is the peer's, unless the peer is in opts.trusted. Then the
 * lists that proxies write are followed from their end, for as long as who wrote
 * is trusted: those of Forwarded (RFC 7239) or, only if there is none of it, of
 * X-Forwarded-For. The first address that is not trusted is the answer; or the
 * last one before the list ends, or before anything that is no address (unknown,
 * obfuscated or malformed).
 */
int weir_req_client(const weir_req *req, char *text, size_t size);
weir_loop *weir_req_loop(const weir_req *req);
/* NULL after weir_server_free. */
weir_server *weir_req_server(const weir_req *req);

/*
 * Decodes the %XX escapes of a path, or of a part of one, into out (RFC 3986
 * section 2.1) and puts a zero behind it. Returns the length without the zero,
 * WEIR_EINVALID for an escape that is malformed and for NUL, escaped or not, or
 * -ENOSPC; then out holds nothing of use. text.len + 1 octets are enough. '+'
 * stands for itself. out may be the text's own memory. A path is split at its '/'
 * first and decoded then: "%2F" is none. Nothing is known of "..", or of UTF-8.
 */
int64_t weir_url_decode(char *out, size_t size, weir_str text);
/* The same for names and values of a form or its query, where '+' is a space. */
int64_t weir_form_decode(char *out, size_t size, weir_str text);
/*
 * Takes the next `name=value` off the front of a query, or of a form's body, up to
 * the next '&'; none is decoded. Empty ones are passed over; without '=' value.data
 * is NULL. 1, or 0 when nothing is left.
 */
int weir_query_next(weir_str *query, weir_str *name, weir_str *value);

/* ---- request: what shall happen ----------------------------------------- */

/*
 * What may happen to a request in your hands. Each member may be NULL; the table
 * must stay as long as the request. A request may be ended in each of them.
 */
typedef struct weir_req_ops {
	/* A piece of the body. Returns how many octets were used; the rest is offered again
	   as with weir_stream_ops.data. At least 64 KiB may be left; behind that the
	   connection ends, without a reply (WEIR_ETOOBIG). NULL: the body stays unread until
	   the request ends, and end is not called where there is one. */
	size_t (*data)(weir_req *req, const char *data, size_t len, void *arg);
	/* The body is complete (at once, from the loop, when there is none), and not held. */
	void (*end)(weir_req *req, void *arg);
	/* The queue has fallen to the low mark after it was above the high one. It is that of
	   the connection, with earlier replies in it. */
	void (*drain)(weir_req *req, void *arg);
	/*
	 * The peer sends no more, but may still read. NULL: go on. A client that has left
	 * looks the same until something is written to it: whoever waits for long without
	 * writing may want to end the request here.
	 */
	void (*eof)(weir_req *req, void *arg);
	/*
	 * Nothing can be replied any more: WEIR_ECLOSED (the peer, or the server, has
	 * closed), WEIR_ETIMEOUT (too slow), WEIR_ESHORT (the body ends short),
	 * WEIR_ETOOBIG or -EBADMSG (the body was refused), or -errno. A client that was too
	 * slow or was refused has been answered if no reply had begun. The last call;
	 * still end the request.
	 */
	void (*gone)(weir_req *req, int why, void *arg);
} weir_req_ops;

/*
 * Says what happens with this request, and asks for the body when ops has data; 100
 * Continue is sent then to a client that waits for it. Callbacks come after the one
 * that runs has returned. Again: from now on these. ops NULL: nothing is told.
 */
void weir_req_on(weir_req *req, const weir_req_ops *ops, void *arg);
/* Stops (true) or resumes (false) the body, with its end. The peer stops soon, too. */
void weir_req_hold(weir_req *req, bool hold);

/* ---- reply -------------------------------------------------------------- */

/*
 * Date, Content-Length, Transfer-Encoding, Connection and Keep-Alive are made by the
 * library. The body is left out as RFC 9110 rules: to HEAD (which has the length of
 * what is left out), with 204 and 205, and with 304 (which has one unless it is 0).
 *
 * Inside a callback small pieces are gathered, and sent together when it has returned:
 * until then they count as queued.
 *
 * No write is larger than max_queue, however fast the peer. Each is taken whole or
 * not at all: WEIR_EFULL. drain follows, and it may be tried again, unless it is
 * larger than max_queue by itself.
 *
 * What is not read of a body when its request ends is dropped up to 64 KiB; if there
 * is more, or the client was not told to send it, the connection ends with the reply.
 */

/*
 * A whole reply in one call; ends the request. type may be NULL (no
 * Content-Type). Returns octets queued, or WEIR_ECLOSED when the peer is gone, or
 * memory, and the connection with it: the request is ended all the same. It is still
 * yours with WEIR_ESTATE, when a reply has begun (then use weir_reply_end), with
 * WEIR_EINVALID for a status outside 200 to 599, a 2xx to CONNECT (weir_reply_switch
 * sends it) or a type with octets a field may not have, and with WEIR_EFULL, when the
 * body does not fit below max_queue, or a long type not beside the fields.
 */
int64_t weir_reply(weir_req *req, int status, const char *type, const void *body, size_t len);

/*
 * Adds a field to the reply to come, whichever it will be; once more, a line more of the
 * name. Content-Type is given here or to weir_reply, not to both. Refused with
 * WEIR_EINVALID: names that are no token, values with control octets other than HTAB
 * (RFC 9110 5.5), and Content-Length, Transfer-Encoding, Connection and Date. Upgrade,
 * as of a 426, brings `Connection: upgrade` with it (RFC 9110 7.8). WEIR_ESTATE after
 * the reply has begun; WEIR_EFULL when all fields pass 16 KiB; -ENOMEM.
 */
int weir_reply_field(weir_req *req, const char *name, const char *value);

/*
 * Begins a reply whose body is written piece by piece. length >= 0: exactly so
 * many octets; WEIR_UNKNOWN: chunked, or until close for HTTP/1.0 (RFC 9112 6.3). Ask
 * for the body first (weir_req_on): a client that waits for 100 Continue gets none
 * behind this. Returns octets queued, or with nothing sent WEIR_ECLOSED, WEIR_ESTATE,
 * WEIR_EINVALID for a status as in weir_reply or another negative length, or
 * WEIR_EFULL when memory is at its cap. The request is still yours in any case.
 */
#define WEIR_UNKNOWN (-1)
int64_t weir_reply_begin(weir_req *req, int status, int64_t length);

/*
 * A piece of the body, copied as far as it is not sent at once. Returns octets queued:
 * above the high mark, wait for drain. WEIR_ECLOSED, WEIR_EFULL, WEIR_EINVALID past
 * the announced length, or WEIR_ESTATE before weir_reply_begin: nothing was taken then.
 */
int64_t weir_reply_write(weir_req *req, const void *data, size_t len);

/* Octets of the connection's replies queued and not yet taken by the kernel. */
int64_t weir_reply_queued(const weir_req *req);

/*
 * Adds a trailer field, sent behind the last chunk, to a reply begun with
 * WEIR_UNKNOWN; a field `Trailer` may announce it. Call it between weir_reply_begin and
 * weir_reply_end. To HTTP/1.0 and HEAD, and with 204 and 304, nothing is sent (0). A
 * client that has not sent `TE: trailers` may drop it (RFC 9110 6.5.1). Returns 0;
 * WEIR_EINVALID for octets as in weir_reply_field, and for names that frame, route,
 * authenticate, or modify or describe the content; WEIR_ESTATE before weir_reply_begin
 * and for a reply with a length; WEIR_EFULL when all trailers pass 16 KiB; -ENOMEM;
 * WEIR_ECLOSED.
 */
int weir_reply_trailer(weir_req *req, const char *name, const char *value);

/*
 * Ends the reply and the request. A reply shorter than announced closes the
 * connection, as does one that was not begun, after a 500. Returns 0 (also after that),
 * WEIR_ECLOSED or WEIR_ESHORT; the request is gone in any case.
 */
int weir_reply_end(weir_req *req);

/*
 * Sends an interim reply (100, 102, 103) with the fields added so far, which are
 * used up by it; not to HTTP/1.0 (0, nothing sent; RFC 9110 15.2). Any number of them
 * before the reply. Returns octets queued, or with nothing sent WEIR_ECLOSED,
 * WEIR_EINVALID for another status, WEIR_ESTATE when a reply has begun, or WEIR_EFULL
 * when max_queue is reached or memory at its cap.
 */
int64_t weir_reply_interim(weir_req *req, int status);

/* ---- upgrades and tunnels ----------------------------------------------- */

/*
 * Ends the request and HTTP on its connection, which becomes a plain stream of yours
 * with these callbacks, as after weir_stream_on (open is not called). ops must not be
 * NULL, and stay as long as the stream; stream may be NULL.
 *
 *   protocol   one that the client offers (weir_req_upgrade), compared in any case: the
 *              reply is 101 with `Connection: upgrade` and `Upgrade: PROTOCOL` (RFC 9110
 *              7.8), behind a 100 if the client expects one.
 *   NULL       for CONNECT: the reply is 200, without a length (RFC 9110 9.3.6).
 *
 * The fields added by weir_reply_field go with it. Replies before this one leave first.
 * What the client has sent behind the request is unread, and offered to ops->data from the
 * loop; so is its end, if it has come. Write at once if you like.
 *
 * The stream has no idle limit (see weir_idle), keeps the marks of the server's options,
 * and max_unread lets a data callback leave at least 64 KiB. It counts as a connection of
 * the server (max_conns, max_per_peer, weir_server_connections) until it is closed, but
 * neither weir_server_drain nor weir_server_free touches it, nor does opts.drained wait
 * for it. It holds the loop: close it yourself, with weir_close or weir_finish, when the
 * program shall end (weir_at_drain).
 *
 * Returns 0, the request is gone then; an error of the write is told by ops->gone. Else
 * it is still yours with the fields added so far, *stream is NULL, and no final reply has
 * been sent:
 *
 *   WEIR_ECLOSED    the peer has left
 *   WEIR_ESTATE     a reply has begun, the request offers no upgrade (one of HTTP/1.0 never
 *                   does), or its body is not read whole: from ops->end on it is
 *   WEIR_EINVALID   the protocol is none that was offered; NULL, but the method is not
 *                   CONNECT; not NULL, but it is
 *   WEIR_EFULL      memory is at its cap, or the fields pass 16 KiB
 *   -ENOMEM
 *
 * An offer that is not taken needs no attention: any other reply is an ordinary one. A
 * CONNECT is handed to the handler only if opts.methods has its bit, and refused with any
 * status from 300 on; weir_req_target says where to.
 */
int weir_reply_switch(weir_req *req, const char *protocol, const weir_stream_ops *ops, void *arg,
                      weir_stream **stream);

/* ---- log ---------------------------------------------------------------- */

/* What became of a request that is over. */
struct weir_access {
	int64_t when;   /* its first octet came: seconds since 1970, UTC */
	int64_t ms;     /* since then, on the loop's clock */
	int64_t sent;   /* octets of content written, whether they have arrived or not */
	int32_t status; /* of its reply as far as it was begun; 0: there was none */
	bool kept;      /* the connection lives on, and is HTTP's */
};

typedef enum weir_access_style {
	WEIR_ACCESS_COMMON,  /* host - - [date] "request" status octets */
	WEIR_ACCESS_COMBINED /* … "Referer" "User-Agent" */
} weir_access_style;

/*
 * Writes a line of the NCSA's formats, without a line feed and with a zero behind
 * it. The host is that of weir_req_client; the date is in UTC; what is missing is
 * "-". Quotes, backslashes and all that is not printable ASCII are \xNN: a client
 * cannot forge lines. Returns the length, or -ENOSPC: then text holds what fits,
 * and a zero. A line can be four times as long as the fields in it.
 */
int weir_access_format(char *text, size_t size, const weir_req *req, const weir_access *access,
                       weir_access_style style);

#ifdef __cplusplus
}
#endif

#endif
