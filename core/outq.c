/* Octets waiting for the kernel: copied into chunks, or referenced. */
#include "core/outq.h"

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(struct weir__seg) <= WEIR__CHUNK_HEAD, "a segment fits before its octets");

static void append(struct weir__outq *q, struct weir__seg *seg)
{
	seg->next = NULL;
	if (q->tail)
		q->tail->next = seg;
	else
		q->head = seg;
	q->tail = seg;
}

static struct weir__seg *new_chunk(struct weir__chunks *chunks)
{
	struct weir__seg *seg = weir__chunk_take_output(chunks);
	if (seg)
		*seg = (struct weir__seg){
			.data = (char *)(seg + 1), .room = WEIR__SEG_ROOM, .chunk = true};
	return seg;
}

static void give_list(struct weir__chunks *chunks, struct weir__seg *seg)
{
	while (seg) {
		struct weir__seg *next = seg->next;
		weir__chunk_give(chunks, seg);
		seg = next;
	}
}

/* Takes the chunks that `need` octets fill, as a list, or NULL. */
static struct weir__seg *take_list(struct weir__chunks *chunks, size_t need)
{
	struct weir__seg *list = NULL;
	for (size_t got = 0; got < need; got += WEIR__SEG_ROOM) {
		struct weir__seg *seg = new_chunk(chunks);
		if (!seg) {
			give_list(chunks, list);
			return NULL;
		}
		seg->next = list;
		list = seg;
	}
	return list;
}

static size_t fill(struct weir__seg *seg, const char *data, size_t len)
{
	size_t n = len < seg->room ? len : seg->room;
	memcpy((char *)(uintptr_t)seg->data + seg->len, data, n);
	seg->len += n;
	seg->room -= (uint32_t)n;
	return n;
}

static size_t total(const weir_str *pieces, int n)
{
	size_t sum = 0;
	for (int i = 0; i < n; i++)
		sum += pieces[i].len;
	return sum;
}

int weir__outq_copy(struct weir__outq *q, struct weir__chunks *chunks, const weir_str *pieces,
                    int n, size_t skip)
{
	size_t len = total(pieces, n) - skip;
	size_t room = q->tail && q->tail->chunk ? q->tail->room : 0;
	struct weir__seg *fresh = NULL;
	if (len > room && !(fresh = take_list(chunks, len - room)))
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		size_t over = skip < pieces[i].len ? skip : pieces[i].len;
		size_t left = pieces[i].len - over;
		const char *data = left ? pieces[i].data + over : NULL;
		skip -= over;
		while (left) {
			if (!q->tail || !q->tail->chunk || !q->tail->room) {
				struct weir__seg *seg = fresh;
				fresh = fresh->next;
				append(q, seg);
			}
			size_t put = fill(q->tail, data, left);
			data += put;
			left -= put;
		}
	}
	q->queued += (int64_t)len;
	return 0;
}

char *weir__outq_room(struct weir__outq *q, struct weir__chunks *chunks, size_t len)
{
	if (len > WEIR__SEG_ROOM)
		return NULL;
	if (!q->tail || !q->tail->chunk || q->tail->room < len) {
		struct weir__seg *seg = new_chunk(chunks);
		if (!seg)
			return NULL;
		append(q, seg);
	}
	return (char *)(uintptr_t)q->tail->data + q->tail->len;
}

void weir__outq_filled(struct weir__outq *q, size_t len)
{
	q->tail->len += len;
	q->tail->room -= (uint32_t)len;
	q->queued += (int64_t)len;
}

struct weir__seg *weir__outq_ref(struct weir__mem *mem, weir_ref_fn *done, void *arg)
{
	struct weir__seg *ref = weir__mem_new(mem, sizeof *ref);
	if (ref) {
		ref->done = done;
		ref->arg = arg;
	}
	return ref;
}

void weir__outq_add(struct weir__outq *q, struct weir__seg *ref, const char *data, size_t len)
{
	ref->data = data;
	ref->len = len;
	append(q, ref);
	q->queued += (int64_t)len;
}

int weir__outq_vec(const struct weir__outq *q, struct weir__vec *vec, int max)
{
	int n = 0;
	for (const struct weir__seg *seg = q->head; seg && n < max; seg = seg->next)
		vec[n++] = (struct weir__vec){(void *)(uintptr_t)seg->data, seg->len};
	return n;
}

static void retire(struct weir__outq *q, struct weir__chunks *chunks)
{
	struct weir__seg *seg = q->head;
	q->head = seg->next;
	if (!q->head)
		q->tail = NULL;
	if (seg->chunk) {
		weir__chunk_give(chunks, seg);
		return;
	}
	seg->next = NULL;
	if (q->sent)
		q->sent_tail->next = seg;
	else
		q->sent = seg;
	q->sent_tail = seg;
}

void weir__outq_sent(struct weir__outq *q, struct weir__chunks *chunks, size_t n)
{
	q->queued -= (int64_t)n;
	while (q->head && n >= q->head->len) {
		n -= q->head->len;
		retire(q, chunks);
	}
	if (n) {
		q->head->data += n;
		q->head->len -= n;
	}
}

bool weir__outq_take_sent(struct weir__outq *q, struct weir__mem *mem, weir_ref_fn **done,
                          void **arg)
{
	struct weir__seg *seg = q->sent;
	if (!seg)
		return false;
	q->sent = seg->next;
	*done = seg->done;
	*arg = seg->arg;
	weir__mem_free(mem, seg, sizeof *seg);
	return true;
}

void weir__outq_abandon(struct weir__outq *q, struct weir__chunks *chunks)
{
	while (q->head)
		retire(q, chunks);
	q->queued = 0;
}
