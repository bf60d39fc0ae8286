/*
 * Octets going out. A write goes to the kernel at once; only what the kernel
 * would not take is copied (or stays referenced) and sent when the socket is
 * writable. Interest in writing is set only while something is queued.
 */
#include <errno.h>

#include "core/stream.h"

/* Writes in one go from a long queue; then the others have their turn. */
#define WRITE_BOUND 16

static weir_loop *loop_of(const weir_stream *s)
{
	return s->owner->loop;
}

static int64_t send_vec(weir_stream *s, const struct weir__vec *vec, int n)
{
	const weir_transport *t = s->owner->transport;
	weir_vec copy[WEIR__VEC_MAX];
	if (!t)
		return weir__sys_writev(s->source.fd, vec, n);
	for (int i = 0; i < n; i++)
		copy[i] = (weir_vec){vec[i].data, vec[i].len};
	return t->writev(s->source.fd, copy, n, s->owner->transport_arg);
}

/* Whether the transport keeps octets that the socket did not take. */
static bool unsent(const weir_stream *s)
{
	const weir_transport *t = s->owner->transport;
	return t && t->unsent && t->unsent(s->source.fd, s->owner->transport_arg) > 0;
}

static int shut(weir_stream *s)
{
	const weir_transport *t = s->owner->transport;
	return t && t->shutdown ? t->shutdown(s->source.fd, s->owner->transport_arg)
	                        : weir__sys_shutdown(s->source.fd);
}

/* ---- limits ------------------------------------------------------------- */

static int64_t low_mark(const weir_stream *s)
{
	return s->flow && s->flow->pinned ? s->flow->low : s->owner->low;
}

static int64_t high_mark(const weir_stream *s)
{
	return s->flow && s->flow->pinned ? s->flow->high : s->owner->high;
}

static int64_t max_queue(const weir_stream *s)
{
	return s->flow && s->flow->pinned ? s->flow->max_queue : s->owner->max_queue;
}

/* There is no memory for a write: drain is owed. Where no progress of the queue
   brings it about, memory is looked at again later. */
static int refuse(weir_stream *s)
{
	weir__set(s, WEIR__ABOVE);
	if (weir__queued(s) <= low_mark(s))
		weir__wait_for_room(loop_of(s), WEIR__RETRY_MS);
	return WEIR_EFULL;
}

/* Judged before the kernel is tried, so that a refusal leaves nothing half done. */
static int may_queue(weir_stream *s, size_t len)
{
	if (weir__is(s, WEIR__CLOSED | WEIR__FINISHING | WEIR__DOOMED | WEIR__LAST))
		return WEIR_ECLOSED;
	/* Negative where the user has lowered the maximum below what is queued. */
	int64_t room = max_queue(s) - weir__queued(s);
	if (room >= 0 && len <= (uint64_t)room)
		return 0;
	/* What can fit at all may be tried again when the queue has fallen. */
	if (len <= (uint64_t)max_queue(s))
		weir__set(s, WEIR__ABOVE);
	return WEIR_EFULL;
}

/* The same for octets that are copied if they have to wait. */
static int may_copy(weir_stream *s, size_t len)
{
	int result = may_queue(s, len);
	if (result < 0)
		return result;
	if (weir__flow_ready(s) && weir__chunks_allow(&loop_of(s)->chunks, len))
		return 0;
	weir__flow_trim(s);
	return refuse(s);
}

int weir_marks(weir_stream *s, int32_t low, int32_t high, int32_t max)
{
	low = low ? low : (int32_t)low_mark(s);
	high = high ? high : (int32_t)high_mark(s);
	max = max ? max : (int32_t)max_queue(s);
	if (low < 0 || high < low || max < high)
		return WEIR_EINVALID;
	struct weir__flow *f = weir__flow_get(s);
	if (!f)
		return -ENOMEM;
	f->pinned = true;
	f->low = low;
	f->high = high;
	f->max_queue = max;
	return 0;
}

/* ---- sending ------------------------------------------------------------ */

static void block(weir_stream *s)
{
	weir__set(s, WEIR__BLOCKED);
	weir__stream_update(s);
}

static bool waiting(const weir_stream *s)
{
	return weir__is(s, WEIR__CONNECTING | WEIR__OPENING | WEIR__BLOCKED);
}

static size_t total(const struct weir__vec *vec, int n)
{
	size_t sum = 0;
	for (int i = 0; i < n; i++)
		sum += vec[i].len;
	return sum;
}

/*
 * Gives the pieces to the kernel. How many octets it took; fewer than all means
 * that it will say when it takes more. An error dooms the stream: it is told by
 * `gone`, and nothing more is sent.
 */
static size_t send_pieces(weir_stream *s, const struct weir__vec *vec, int n)
{
	int64_t sent = send_vec(s, vec, n);
	if (sent == -EAGAIN)
		sent = 0;
	if (sent < 0) {
		weir__stream_doom(s, (int)sent);
		return 0;
	}
	if (sent > 0)
		weir__stream_alive(s);
	if ((size_t)sent < total(vec, n) || unsent(s))
		block(s);
	return (size_t)sent;
}

bool weir__all_sent(const weir_stream *s)
{
	return !weir__queued(s) && !waiting(s);
}

/* Closes our direction once all is sent. */
static void shut_if_due(weir_stream *s)
{
	if (!weir__is(s, WEIR__FINISHING) || weir__is(s, WEIR__SHUT | WEIR__DOOMED) ||
	    !weir__all_sent(s))
		return;
	int result = shut(s);
	if (result == -EAGAIN) {
		block(s);
		return;
	}
	weir__set(s, WEIR__SHUT);
	if (result < 0 && result != -ENOTCONN && result != -ENOTSOCK)
		weir__stream_doom(s, result);
	else if (weir__is(s, WEIR__END_TOLD))
		weir__errand(loop_of(s), &s->source);
}

/* What a change of the queue leaves to be told or done. */
static void after_sending(weir_stream *s)
{
	const struct weir__flow *f = s->flow;
	bool drained = weir__is(s, WEIR__ABOVE) && weir__queued(s) <= low_mark(s);
	if (drained || (f && f->out.sent) || (weir__is(s, WEIR__LAST) && weir__all_sent(s)))
		weir__errand(loop_of(s), &s->source);
	shut_if_due(s);
}

void weir__stream_flush(weir_stream *s)
{
	struct weir__vec vec[WEIR__VEC_MAX];
	for (int i = 0; i < WRITE_BOUND; i++) {
		if (!s->flow || !s->flow->out.head || waiting(s) || weir__is(s, WEIR__DOOMED))
			break;
		int n = weir__outq_vec(&s->flow->out, vec, WEIR__VEC_MAX);
		size_t sent = send_pieces(s, vec, n);
		weir__outq_sent(&s->flow->out, &loop_of(s)->chunks, sent);
	}
	/* Left over with the kernel still willing: it will be writable at once. */
	if (s->flow && s->flow->out.head && !waiting(s) && !weir__is(s, WEIR__DOOMED))
		block(s);
	after_sending(s);
	weir__flow_trim(s);
}

void weir__stream_retry(weir_stream *s)
{
	weir__unset(s, WEIR__BLOCKED);
	if (unsent(s))
		send_pieces(s, NULL, 0);
	weir__stream_flush(s);
	weir__stream_update(s);
}

void weir__stream_writable(weir_stream *s)
{
	weir__stream_retry(s);
	weir__room(loop_of(s));
	if (s->owner->emptied && weir__all_sent(s) && !weir__is(s, WEIR__CLOSED | WEIR__DOOMED))
		s->owner->emptied(s);
}

/* ---- writing ------------------------------------------------------------ */

static size_t length(const weir_str *pieces, int n)
{
	size_t sum = 0;
	for (int i = 0; i < n; i++)
		sum += pieces[i].len;
	return sum;
}

/* The queue, then the pieces, as one write; 0 when that is more than one takes. */
static int combine(const weir_stream *s, const weir_str *pieces, int n, struct weir__vec *vec)
{
	if (n >= WEIR__VEC_MAX)
		return 0;
	int queued = s->flow ? weir__outq_vec(&s->flow->out, vec, WEIR__VEC_MAX - n) : 0;
	if (queued == WEIR__VEC_MAX - n)
		return 0;
	for (int i = 0; i < n; i++)
		vec[queued + i] =
			(struct weir__vec){(void *)(uintptr_t)pieces[i].data, pieces[i].len};
	return queued + n;
}

/* Tries the kernel with what is queued and the pieces; how much of the pieces it took. */
static size_t send_now(weir_stream *s, const weir_str *pieces, int n)
{
	struct weir__vec vec[WEIR__VEC_MAX];
	int count = waiting(s) ? 0 : combine(s, pieces, n, vec);
	if (!count)
		return 0;
	size_t before = (size_t)weir__queued(s);
	size_t sent = send_pieces(s, vec, count);
	size_t old = sent < before ? sent : before;
	if (old)
		weir__outq_sent(&s->flow->out, &loop_of(s)->chunks, old);
	return sent - old;
}

/* Copies what is left after `skip` octets behind the queue. False: no memory. */
static bool queue(weir_stream *s, const weir_str *pieces, int n, size_t skip)
{
	return weir__flow_get(s) &&
	       weir__outq_copy(&s->flow->out, &loop_of(s)->chunks, pieces, n, skip) == 0;
}

/* What every write ends with: more than the kernel was tried with may be queued. */
static int64_t written(weir_stream *s)
{
	if (weir__queued(s) > high_mark(s))
		weir__set(s, WEIR__ABOVE);
	weir__stream_flush(s);
	return weir__queued(s);
}

int64_t weir_writev(weir_stream *s, const weir_str *pieces, int n)
{
	size_t len = length(pieces, n);
	int result = may_copy(s, len);
	if (result < 0 || !len)
		return result < 0 ? result : weir__queued(s);
	size_t sent = send_now(s, pieces, n);
	if (sent < len && !weir__is(s, WEIR__DOOMED) && !queue(s, pieces, n, sent)) {
		/* With some octets at the kernel already, the stream cannot go on. */
		if (sent)
			weir__stream_doom(s, -ENOMEM);
		else
			result = refuse(s);
	}
	int64_t queued = written(s);
	return result < 0 ? result : queued;
}

int64_t weir_write(weir_stream *s, const void *data, size_t len)
{
	weir_str piece = {data, len};
	return weir_writev(s, &piece, 1);
}

int64_t weir__stream_gather(weir_stream *s, const weir_str *pieces, int n)
{
	int result = may_copy(s, length(pieces, n));
	if (result == 0 && !queue(s, pieces, n, 0))
		result = refuse(s);
	if (result < 0) {
		weir__flow_trim(s);
		return result;
	}
	if (weir__queued(s) > high_mark(s))
		weir__set(s, WEIR__ABOVE);
	return weir__queued(s);
}

char *weir__stream_room(weir_stream *s, size_t len)
{
	struct weir__flow *f = may_queue(s, len) == 0 ? weir__flow_get(s) : NULL;
	char *room = f ? weir__outq_room(&f->out, &loop_of(s)->chunks, len) : NULL;
	if (!room)
		weir__flow_trim(s);
	return room;
}

int64_t weir__stream_filled(weir_stream *s, size_t len)
{
	weir__outq_filled(&s->flow->out, len);
	if (weir__queued(s) > high_mark(s))
		weir__set(s, WEIR__ABOVE);
	return weir__queued(s);
}

int64_t weir_write_ref(weir_stream *s, const void *data, size_t len, weir_ref_fn *done, void *arg)
{
	weir_loop *loop = loop_of(s);
	weir_str piece = {data, len};
	int result = may_queue(s, len);
	if (result < 0 || !len)
		return result < 0 ? result : weir__queued(s);
	/* What may fail comes first: afterwards octets may be half sent. */
	struct weir__seg *ref = weir__outq_ref(&loop->mem, done, arg);
	if (!ref || !weir__flow_get(s)) {
		weir__mem_free(&loop->mem, ref, sizeof *ref);
		weir__flow_trim(s);
		return refuse(s);
	}
	size_t sent = send_now(s, &piece, 1);
	if (sent == len)
		weir__mem_free(&loop->mem, ref, sizeof *ref);
	else
		weir__outq_add(&s->flow->out, ref, piece.data + sent, len - sent);
	return written(s);
}

void weir_finish(weir_stream *s)
{
	if (weir__is(s, WEIR__CLOSED | WEIR__FINISHING))
		return;
	weir__set(s, WEIR__FINISHING);
	weir__stream_flush(s);
}

/* ---- told from the loop ------------------------------------------------- */

bool weir__output_tell(weir_stream *s, int status)
{
	weir_ref_fn *done;
	void *arg;
	while (s->flow && weir__outq_take_sent(&s->flow->out, &loop_of(s)->mem, &done, &arg)) {
		if (done)
			done(s, status, arg);
		if (weir__is(s, WEIR__CLOSED))
			return false;
	}
	weir__flow_trim(s);
	return true;
}

void weir__stream_settle_output(weir_stream *s)
{
	if (!weir__output_tell(s, 0))
		return;
	if (!weir__is(s, WEIR__ABOVE) || weir__queued(s) > low_mark(s))
		return;
	weir__unset(s, WEIR__ABOVE);
	if (s->ops->drain)
		s->ops->drain(s, s->arg);
}
