/*
 * status.c: which words belong to a number?
 *
 * Methods, status codes (the IANA registry) and refusals.
 */
#include "http/weir_http.h"

const char *weir_method_name(weir_method method)
{
	/* clang-format off */
	static const char *const names[] = {
		[WEIR_METHOD_OTHER] = "",
		[WEIR_GET] = "GET",
		[WEIR_HEAD] = "HEAD",
		[WEIR_POST] = "POST",
		[WEIR_PUT] = "PUT",
		[WEIR_DELETE] = "DELETE",
		[WEIR_CONNECT] = "CONNECT",
		[WEIR_OPTIONS] = "OPTIONS",
		[WEIR_TRACE] = "TRACE",
		[WEIR_PATCH] = "PATCH",
	};
	/* clang-format on */

	return (unsigned)method < sizeof names / sizeof *names ? names[method] : "";
}

const char *weir_status_reason(int status)
{
	/* clang-format off */
	switch (status) {
	case 100: return "Continue";
	case 101: return "Switching Protocols";
	case 102: return "Processing";
	case 103: return "Early Hints";
	case 104: return "Upload Resumption Supported";
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 203: return "Non-Authoritative Information";
	case 204: return "No Content";
	case 205: return "Reset Content";
	case 206: return "Partial Content";
	case 207: return "Multi-Status";
	case 208: return "Already Reported";
	case 226: return "IM Used";
	case 300: return "Multiple Choices";
	case 301: return "Moved Permanently";
	case 302: return "Found";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 305: return "Use Proxy";
	case 307: return "Temporary Redirect";
	case 308: return "Permanent Redirect";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 402: return "Payment Required";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 407: return "Proxy Authentication Required";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 410: return "Gone";
	case 411: return "Length Required";
	case 412: return "Precondition Failed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 416: return "Range Not Satisfiable";
	case 417: return "Expectation Failed";
	case 421: return "Misdirected Request";
	case 422: return "Unprocessable Content";
	case 423: return "Locked";
	case 424: return "Failed Dependency";
	case 425: return "Too Early";
	case 426: return "Upgrade Required";
	case 428: return "Precondition Required";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 451: return "Unavailable For Legal Reasons";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 505: return "HTTP Version Not Supported";
	case 506: return "Variant Also Negotiates";
	case 507: return "Insufficient Storage";
	case 508: return "Loop Detected";
	case 510: return "Not Extended";
	case 511: return "Network Authentication Required";
	default: return "";
	}
	/* clang-format on */
}

static const struct refusal {
	int status;
	const char *text;
} refusals[] = {
	[WEIR_OK] = {0, ""},
	[WEIR_BAD_EMPTY_LINES] = {400, "too many empty lines before the request"},
	[WEIR_BAD_LINE_END] = {400, "a CR or LF that is not part of CRLF"},
	[WEIR_BAD_OCTET] = {400, "a control character in the head"},
	[WEIR_BAD_REQUEST_LINE] = {400, "a request line that is not method, target, version"},
	[WEIR_BAD_STATUS_LINE] = {502, "a status line that is not version, code, reason"},
	[WEIR_BAD_METHOD] = {400, "a method that is not a token"},
	[WEIR_BAD_TARGET] = {400, "a character that no request target may hold"},
	[WEIR_BAD_TARGET_FORM] = {400, "a request target that does not suit the method"},
	[WEIR_BAD_VERSION] = {400, "a malformed protocol version"},
	[WEIR_BAD_MAJOR] = {505, "a protocol version other than HTTP/1"},
	[WEIR_BAD_FIELD_NAME] = {400, "a field name that is not a token"},
	[WEIR_BAD_FIELD_LINE] = {400, "a field line without a colon"},
	[WEIR_BAD_FOLDING] = {400, "a line that begins with white space"},
	[WEIR_BAD_HOST] = {400, "a missing, repeated or malformed Host"},
	[WEIR_BAD_LENGTH] = {400, "a malformed or repeated Content-Length"},
	[WEIR_BAD_CODING] = {400, "a Transfer-Encoding that does not end in one chunked"},
	[WEIR_BAD_CODING_UNKNOWN] = {501, "a transfer coding other than chunked"},
	[WEIR_BAD_FRAMING] = {400, "a Transfer-Encoding with Content-Length or in HTTP/1.0"},
	[WEIR_BAD_CHUNK] = {400, "a malformed chunk line"},
	[WEIR_BAD_CHUNK_END] = {400, "a chunk that does not end where it should"},
	[WEIR_BAD_CHUNK_LINE] = {400, "chunk lines or extensions too long"},
	[WEIR_BAD_EXPECT] = {417, "an expectation other than 100-continue"},
	[WEIR_BAD_END] = {400, "a message that ends before it is complete"},
	[WEIR_BIG_TARGET] = {414, "a request target too long"},
	[WEIR_BIG_HEAD] = {431, "a head too long"},
	[WEIR_BIG_FIELDS] = {431, "too many fields"},
	[WEIR_BIG_BODY] = {413, "a body too long"},
	[WEIR_BIG_TRAILERS] = {431, "a trailer section too long"},
};

_Static_assert(sizeof refusals / sizeof *refusals == WEIR_REFUSALS, "each refusal has a text");

int weir_refusal_status(weir_refusal why)
{
	return (unsigned)why < WEIR_REFUSALS ? refusals[why].status : 0;
}

const char *weir_refusal_text(weir_refusal why)
{
	return (unsigned)why < WEIR_REFUSALS ? refusals[why].text : "";
}
