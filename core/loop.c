/*
 * The loop: in which order things happen, and how a descriptor's two truths
 * meet. One turn:
 *
 *   tasks      what was put off or posted
 *   errands    what objects have to tell that they could not tell inside a call
 *   reconcile  the poller learns of changed interest
 *   wait       until an event, a deadline, a post
 *   events     each to its object, if its tag is still the right one
 *   limits, timers
 *   burial     closed objects are freed: until here pointers to them were good
 *
 * Tasks come before timers, so that what is put off inside a task runs before a
 * zero timer that was started beside it; they never starve events, because what
 * they queue belongs to the next turn, whose wait merely looks.
 */
#include "core/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/stream.h"

#define FIRST_SLOTS 64
/* More than any kernel gives out; so many slots can be counted in 32 bits. */
#define MOST_SLOTS (1 << 26)

/* ---- descriptors -------------------------------------------------------- */

/* What is beyond nslots is not touched: the table may be far larger than what is in use. */
static int grow_slots(weir_loop *loop, int32_t fd)
{
	const int32_t n = (fd / FIRST_SLOTS + 1) * FIRST_SLOTS;
	int32_t cap = loop->slots_cap ? loop->slots_cap : FIRST_SLOTS;
	if (n <= loop->nslots)
		return 0;
	while (cap < n)
		cap *= 2;
	uintptr_t *slots = loop->slots;
	if (cap != loop->slots_cap)
		slots = weir__mem_resize(&loop->mem, slots, (size_t)loop->slots_cap * sizeof *slots,
		                         (size_t)cap * sizeof *slots);
	if (!slots)
		return -ENOMEM;
	memset(slots + loop->nslots, 0, (size_t)(n - loop->nslots) * sizeof *slots);
	loop->slots = slots;
	loop->slots_cap = cap;
	loop->nslots = n;
	return 0;
}

/* A place in the list of dirty ones that nobody watches. */
static uintptr_t as_link(int32_t next)
{
	return (uintptr_t)(uint32_t)(next + 1) << 1 | 1;
}

static int32_t link_to(uintptr_t slot)
{
	return (int32_t)(slot >> 1) - 1;
}

/* What follows a dirty number in the list. */
static int32_t next_dirty(const weir_loop *loop, int32_t fd)
{
	const struct weir__source *source = weir__source_at(loop, fd);
	return source ? source->next_dirty : link_to(loop->slots[fd]);
}

static void mark_dirty(weir_loop *loop, struct weir__source *source)
{
	if (source->dirty)
		return;
	source->dirty = 1;
	source->next_dirty = loop->dirty;
	loop->dirty = source->fd;
}

/* The number may be in the list still, for one that watched it before. */
static void move_in(weir_loop *loop, struct weir__source *source)
{
	uintptr_t *slot = &loop->slots[source->fd];
	source->dirty = *slot & 1;
	source->next_dirty = source->dirty ? link_to(*slot) : -1;
	*slot = (uintptr_t)source;
}

static void move_out(weir_loop *loop, const struct weir__source *source)
{
	loop->slots[source->fd] = source->dirty ? as_link(source->next_dirty) : 0;
}

static void renew_tag(weir_loop *loop, struct weir__source *source)
{
	source->tag = ++loop->last_tag & 0xffffffu;
}

/* Tells the poller. 0 or -errno; with an error nothing is armed. */
static int arm(weir_loop *loop, struct weir__source *source)
{
	unsigned old = source->armed;
	if (source->always || source->want == old)
		return 0;
	bool among = source->kind == WEIR__LISTENER && source->bits & WEIR__SHARED;
	unsigned now = source->want | (among && source->want ? WEIR__AMONG : 0u);
	int result = weir__poller_set(loop->poller, source->fd, source->tag, old, now);
	source->armed = result == 0 ? source->want & 3u : 0;
	if (result == 1) {
		source->always = 1;
		loop->nalways++;
	}
	return result < 0 ? result : 0;
}

int weir__attach(weir_loop *loop, struct weir__source *source, bool shared)
{
	if (source->fd < 0 || source->fd >= MOST_SLOTS)
		return -EBADF;
	/* Also where nothing is wanted yet: the poller would refuse it later, when nobody asks. */
	if (source->fd >= weir__poller_limit(loop->poller))
		return -EMFILE;
	int result = grow_slots(loop, source->fd);
	if (result < 0)
		return result;
	if (weir__source_at(loop, source->fd))
		return -EBUSY;
	renew_tag(loop, source);
	source->shared = shared;
	source->armed = source->always = 0;
	move_in(loop, source);
	result = arm(loop, source);
	if (result < 0)
		move_out(loop, source);
	return result;
}

void weir__detach(weir_loop *loop, struct weir__source *source)
{
	/* Also with nothing armed: a removal of this turn may still be on its way. */
	weir__poller_drop(loop->poller, source->fd, source->armed, source->shared);
	loop->nalways -= source->always;
	move_out(loop, source);
}

void weir__want(weir_loop *loop, struct weir__source *source, unsigned want)
{
	source->want = (uint8_t)want;
	if (want & ~(unsigned)source->armed)
		mark_dirty(loop, source);
}

void weir__want_now(weir_loop *loop, struct weir__source *source, unsigned want)
{
	source->want = (uint8_t)want;
	if (arm(loop, source) < 0)
		mark_dirty(loop, source);
}

void weir__errand(weir_loop *loop, struct weir__source *source)
{
	source->bits |= WEIR__ERRAND;
	mark_dirty(loop, source);
}

/* Errands of those in the list now; whoever is added meanwhile stands before
   them in the list and has its turn in the next one. */
static void run_errands(weir_loop *loop)
{
	for (int32_t fd = loop->dirty; fd >= 0; fd = next_dirty(loop, fd)) {
		struct weir__source *source = weir__source_at(loop, fd);
		if (!source || !(source->bits & WEIR__ERRAND))
			continue;
		source->bits &= (uint16_t)~WEIR__ERRAND;
		loop->roles[source->kind]->settle(loop, source);
	}
}

/* The kernel refused an addition: the object finds out why by trying, and it is
   tried again, but not at once. */
static void arm_failed(weir_loop *loop, struct weir__source *source)
{
	loop->retry = true;
	mark_dirty(loop, source);
	loop->roles[source->kind]->ready(loop, source, source->want);
}

static void reconcile_one(weir_loop *loop, struct weir__source *source)
{
	source->dirty = 0;
	if (source->bits & WEIR__ERRAND) {
		mark_dirty(loop, source);
		loop->busy = true;
	}
	if (source->want & ~(unsigned)source->armed && arm(loop, source) < 0)
		arm_failed(loop, source);
}

static void reconcile(weir_loop *loop)
{
	int32_t fd = loop->dirty;
	loop->dirty = -1;
	loop->busy = loop->retry = false;
	while (fd >= 0) {
		struct weir__source *source = weir__source_at(loop, fd);
		int32_t next = next_dirty(loop, fd);
		if (source)
			reconcile_one(loop, source);
		else
			loop->slots[fd] = 0;
		fd = next;
	}
}

int weir__rebuild(weir_loop *loop)
{
	int result = weir__poller_fork(loop->poller);
	for (int32_t fd = 0; fd < loop->nslots; fd++) {
		struct weir__source *source = weir__source_at(loop, fd);
		if (!source)
			continue;
		source->armed = 0;
		renew_tag(loop, source);
		mark_dirty(loop, source);
	}
	return result;
}

/* ---- events ------------------------------------------------------------- */

/* One stale event is ordinary: its descriptor was closed by an earlier one of
   the batch. The same again in the next wait means that the kernel still holds
   a registration we know nothing of. There may be many of those, in any order:
   the first of a wait is compared with all of the next. */
static void stale(weir_loop *loop, const struct weir__event *event)
{
	if (loop->stale.fd == event->fd && loop->stale.tag == event->tag) {
		loop->stale.fd = -1;
		if (weir__rebuild(loop) < 0)
			loop->retry = true;
	} else if (loop->next_stale.fd < 0) {
		loop->next_stale = *event;
	}
}

static void dispatch(weir_loop *loop, const struct weir__event *event)
{
	struct weir__source *source = weir__source_at(loop, event->fd);
	if (!source || source->tag != event->tag) {
		stale(loop, event);
		return;
	}
	unsigned ready = event->ready & WEIR__ERR ? source->want : event->ready & source->want;
	if (ready)
		loop->roles[source->kind]->ready(loop, source, ready);
	else
		arm(loop, source);
}

static bool always_ready(const struct weir__source *source)
{
	return source && source->always && source->want;
}

/* Descriptors that the kernel cannot poll take at most half of a batch; the
   next one begins where this one ended. */
static int add_always_ready(weir_loop *loop, struct weir__event *out)
{
	int n = 0;
	int32_t first = loop->next_always;
	for (int32_t i = 0; i < loop->nslots && n < WEIR__BATCH / 2; i++) {
		int32_t fd = (first + i) % loop->nslots;
		const struct weir__source *source = weir__source_at(loop, fd);
		if (!always_ready(source))
			continue;
		out[n++] = (struct weir__event){fd, source->tag, source->want};
		loop->next_always = fd + 1;
	}
	return n;
}

static bool always_wanted(const weir_loop *loop)
{
	for (int32_t fd = 0; loop->nalways && fd < loop->nslots; fd++)
		if (always_ready(weir__source_at(loop, fd)))
			return true;
	return false;
}

static void refresh_now(weir_loop *loop)
{
	loop->now = weir__sys_now_us() / 1000;
	loop->wall = 0;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How long the wait may be, in ms; -1: for ever. */
static int timeout(weir_loop *loop, int64_t max_wait)
{
	if (loop->tasks || loop->busy || atomic_load(&loop->posted) || always_wanted(loop))
		return 0;
	if (loop->timers || loop->wheel.count)
		refresh_now(loop);
	int64_t next = min64(weir__timers_next(loop), weir__wheel_next(loop));
	int64_t ms = next == INT64_MAX ? next : next - loop->now;
	if (ms < 0)
		ms = 0;
	if (loop->retry || loop->starved)
		ms = min64(ms, WEIR__RETRY_MS);
	if (max_wait >= 0)
		ms = min64(ms, max_wait);
	/* What is due later than a wait can last is looked at again after it. */
	return ms == INT64_MAX ? -1 : (int)min64(ms, INT_MAX);
}

static int wait_for_events(weir_loop *loop, int64_t max_wait)
{
	struct weir__event events[WEIR__BATCH];
	int max = loop->nalways ? WEIR__BATCH / 2 : WEIR__BATCH;
	int n = weir__poller_wait(loop->poller, events, max, timeout(loop, max_wait));
	if (n < 0)
		return n;
	refresh_now(loop);
	if (loop->nalways)
		n += add_always_ready(loop, events + n);
	for (int i = 0; i < n; i++)
		dispatch(loop, &events[i]);
	loop->stale = loop->next_stale;
	loop->next_stale.fd = -1;
	return 0;
}

/* ---- turns -------------------------------------------------------------- */

void weir__bury(weir_loop *loop, void *object, size_t size)
{
	struct weir__dead *dead = object;
	dead->next = loop->dead;
	dead->size = size;
	loop->dead = dead;
}

static void free_dead(weir_loop *loop)
{
	while (loop->dead) {
		struct weir__dead *dead = loop->dead;
		loop->dead = dead->next;
		weir__mem_free(&loop->mem, dead, dead->size);
	}
}

void weir__room(weir_loop *loop)
{
	if (loop->paused)
		weir__listeners_resume(loop);
	if (loop->starved && weir__chunks_room(&loop->chunks))
		weir__streams_resume(loop);
}

void weir__wait_for_room(weir_loop *loop, int64_t ms)
{
	int64_t until = loop->now + ms;
	/* Those who wait already are not put off by newcomers. */
	if (!loop->starved || until < loop->starved_until)
		loop->starved_until = until;
	loop->starved = true;
}

static bool held(const weir_loop *loop)
{
	return loop->holds > 0 || atomic_load(&loop->posted);
}

static int turn(weir_loop *loop, int64_t max_wait_ms)
{
	loop->turning = true;
	loop->turn_order = loop->order;
	refresh_now(loop);
	weir__tasks_collect(loop);
	weir__tasks_run(loop);
	run_errands(loop);
	reconcile(loop);
	/* What ran may have been the last thing that held the loop: then only look. */
	int result = wait_for_events(loop, held(loop) && !loop->stopping ? max_wait_ms : 0);
	weir__wheel_run(loop);
	weir__timers_run(loop);
	if (loop->starved && loop->now >= loop->starved_until && weir__chunks_room(&loop->chunks))
		weir__streams_resume(loop);
	free_dead(loop);
	loop->turning = false;
	return result < 0 ? result : held(loop);
}

/* The loop is not entered from its own callbacks. */
static int may_run(const weir_loop *loop)
{
	int result = weir__thread_check(loop);
	return result == 0 && loop->turning ? WEIR_ESTATE : result;
}

int weir_loop_step(weir_loop *loop, int64_t max_wait_ms)
{
	int result = may_run(loop);
	if (result == 0) {
		result = turn(loop, max_wait_ms);
		loop->stopping = false;
	}
	return result;
}

/* The loop is not to be entered again from there. */
static void run_at_end(weir_loop *loop)
{
	loop->turning = true;
	weir__tasks_run_stack(&loop->at_end);
	loop->turning = false;
}

int weir_loop_run(weir_loop *loop)
{
	int result = may_run(loop);
	if (result < 0)
		return result;
	while (result >= 0 && !loop->stopping && held(loop))
		result = turn(loop, -1);
	run_at_end(loop);
	loop->stopping = false;
	return result < 0 ? result : 0;
}

void weir_loop_stop(weir_loop *loop)
{
	loop->stopping = true;
}

int64_t weir_loop_now(const weir_loop *loop)
{
	return loop->now;
}

int64_t weir__loop_wall(weir_loop *loop)
{
	if (!loop->wall)
		loop->wall = weir__sys_wall_s();
	return loop->wall;
}

void weir_loop_hold(weir_loop *loop)
{
	loop->holds++;
}

void weir_loop_release(weir_loop *loop)
{
	loop->holds--;
}

const char *weir_backend(void)
{
	return weir__poller_name();
}

int weir__thread_check(const weir_loop *loop)
{
	return weir__sys_debug && loop->thread != weir__sys_thread() ? WEIR_ETHREAD : 0;
}

/* ---- wake-ups ----------------------------------------------------------- */

static void woken(weir_loop *loop, struct weir__source *source, unsigned ready)
{
	(void)ready;
	weir__sys_wake_drain(source->fd);
	if (loop->signals)
		weir__signals_run(loop);
}

static void wake_close(weir_loop *loop, struct weir__source *source)
{
	weir__detach(loop, source);
	weir__sys_wake_close(loop->wake_fd);
}

static int wake_open(weir_loop *loop)
{
	static const struct weir__role role = {.ready = woken, .close = wake_close};
	int result = weir__sys_wake_open(loop->wake_fd);
	if (result < 0)
		return result;
	loop->roles[WEIR__WAKE] = &role;
	loop->wake =
		(struct weir__source){.fd = loop->wake_fd[0], .kind = WEIR__WAKE, .want = WEIR__IN};
	result = weir__attach(loop, &loop->wake, false);
	if (result < 0)
		weir__sys_wake_close(loop->wake_fd);
	return result;
}

/* The parent's descriptor would wake the parent, and be emptied by it. */
static int renew_wake(weir_loop *loop)
{
	int old[2] = {loop->wake_fd[0], loop->wake_fd[1]};
	weir__detach(loop, &loop->wake);
	int result = wake_open(loop);
	if (result < 0) {
		loop->wake.fd = loop->wake_fd[0] = old[0];
		loop->wake_fd[1] = old[1];
		return result;
	}
	result = weir__signals_move(loop);
	weir__sys_wake_close(old);
	return result;
}

int weir_loop_forked(weir_loop *loop)
{
	loop->thread = weir__sys_thread();
	/* Threads that were posting are not here. */
	atomic_store(&loop->posting, 0);
	for (int32_t fd = 0; fd < loop->nslots; fd++) {
		struct weir__source *source = weir__source_at(loop, fd);
		if (source)
			source->shared = 1;
	}
	int result = weir__rebuild(loop);
	return result < 0 ? result : renew_wake(loop);
}

/* ---- making and freeing ------------------------------------------------- */

static void *default_alloc(void *arg, void *ptr, size_t old_size, size_t new_size)
{
	(void)arg;
	(void)old_size;
	if (new_size)
		return realloc(ptr, new_size);
	free(ptr);
	return NULL;
}

static struct weir__mem memory_of(const weir_loop_opts *opts)
{
	struct weir__mem mem = {.fn = default_alloc, .cap = SIZE_MAX};
	if (opts->alloc) {
		mem.fn = opts->alloc;
		mem.arg = opts->alloc_arg;
	}
	if (opts->max_memory > 0 && (uint64_t)opts->max_memory < SIZE_MAX)
		mem.cap = (size_t)opts->max_memory;
	return mem;
}

static void shed(struct weir__mem *mem)
{
	weir_loop *loop = (weir_loop *)(void *)mem;
	weir__chunks_shed(&loop->chunks);
}

static int32_t or_default(int32_t value, int32_t zero)
{
	return value ? value : zero;
}

static void init(weir_loop *loop, const weir_loop_opts *opts)
{
	loop->dirty = loop->stale.fd = loop->next_stale.fd = -1;
	loop->tasks_end = &loop->tasks;
	loop->thread = weir__sys_thread();
	loop->max_conns = opts->max_conns > 0 ? opts->max_conns : INT32_MAX;
	atomic_init(&loop->posted, NULL);
	atomic_init(&loop->posting, 0);
	refresh_now(loop);
	weir__wheel_init(&loop->wheel, loop->now);
	weir__peers_init(&loop->peers, &loop->mem);
	weir__pool_init(&loop->flows, &loop->mem, sizeof(struct weir__flow));
	weir__owner_init(&loop->plain, loop, NULL, NULL, NULL);
}

static void free_memory(weir_loop *loop)
{
	weir__mem_free(&loop->mem, loop->spare_stream, sizeof(weir_stream));
	weir__pool_free(&loop->flows);
	weir__chunks_free(&loop->chunks);
	weir__peers_free(&loop->peers);
	weir__mem_free(&loop->mem, loop->slots, (size_t)loop->slots_cap * sizeof *loop->slots);
	weir__poller_close(loop->poller);
	struct weir__mem mem = loop->mem;
	weir__mem_free(&mem, loop, sizeof *loop);
}

int weir_loop_new(weir_loop **out, const weir_loop_opts *opts)
{
	static const weir_loop_opts defaults;
	if (!opts)
		opts = &defaults;
	struct weir__mem mem = memory_of(opts);
	weir_loop *loop = weir__mem_new(&mem, sizeof *loop);
	*out = NULL;
	if (!loop)
		return -ENOMEM;
	loop->mem = mem;
	loop->mem.shed = shed;
	init(loop, opts);
	int result =
		weir__chunks_init(&loop->chunks, &loop->mem, or_default(opts->max_chunks, 16384));
	if (result == 0)
		result = weir__poller_open(&loop->poller, &loop->mem);
	if (result == 0)
		result = wake_open(loop);
	if (result < 0) {
		free_memory(loop);
		return result;
	}
	*out = loop;
	return 0;
}

static void close_sources(weir_loop *loop)
{
	for (int32_t fd = 0; fd < loop->nslots; fd++) {
		struct weir__source *source = weir__source_at(loop, fd);
		if (source && source != &loop->wake)
			loop->roles[source->kind]->close(loop, source);
	}
}

void weir_loop_free(weir_loop *loop)
{
	if (!loop)
		return;
	run_at_end(loop);
	while (loop->tenants)
		loop->tenants->free(loop->tenants);
	close_sources(loop);
	while (loop->timers)
		weir_timer_stop(loop->timers);
	while (loop->signals)
		weir_signal_stop(loop->signals);
	weir__tasks_forget(loop);
	wake_close(loop, &loop->wake);
	free_dead(loop);
	free_memory(loop);
}

void weir__tenant_add(weir_loop *loop, struct weir__tenant *tenant)
{
	tenant->next = loop->tenants;
	tenant->link = &loop->tenants;
	if (tenant->next)
		tenant->next->link = &tenant->next;
	loop->tenants = tenant;
}

void weir__tenant_remove(struct weir__tenant *tenant)
{
	*tenant->link = tenant->next;
	if (tenant->next)
		tenant->next->link = tenant->link;
}

void weir_loop_drain(weir_loop *loop)
{
	loop->draining = true;
	while (loop->listeners)
		weir_listener_close(loop->listeners);
	for (struct weir__tenant *t = loop->tenants; t; t = t->next)
		if (t->drain)
			t->drain(t);
	weir__tasks_drain(loop);
}
