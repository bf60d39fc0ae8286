/*
 * Calls put off to the loop: queued by its own thread (weir_later), from
 * anywhere (weir_post), or for its end. A posted task travels through a
 * lock-free stack, which the loop takes over whole when it wakes.
 */
#include "core/loop.h"

void weir_task_init(weir_task *task, weir_task_fn *fn, void *arg)
{
	task->fn = fn;
	task->arg = arg;
	task->next = NULL;
	atomic_init(&task->queued, 0);
}

/* A task is in one queue or none: whoever sets `queued` puts it there. */
static bool claim(weir_task *task)
{
	return !atomic_exchange(&task->queued, 1);
}

static void append(weir_loop *loop, weir_task *task)
{
	task->next = NULL;
	*loop->tasks_end = task;
	loop->tasks_end = &task->next;
}

int weir_later(weir_loop *loop, weir_task *task)
{
	int wrong = weir__thread_check(loop);
	if (wrong)
		return wrong;
	if (!claim(task))
		return 0;
	append(loop, task);
	loop->holds++;
	return 1;
}

static int stack_up(weir_loop *loop, weir_task **stack, weir_task *task)
{
	int wrong = weir__thread_check(loop);
	if (wrong)
		return wrong;
	if (!claim(task))
		return 0;
	task->next = *stack;
	*stack = task;
	return 1;
}

int weir_at_end(weir_loop *loop, weir_task *task)
{
	return stack_up(loop, &loop->at_end, task);
}

int weir_at_drain(weir_loop *loop, weir_task *task)
{
	return stack_up(loop, &loop->at_drain, task);
}

static bool take_out(weir_task **link, weir_task *task)
{
	while (*link && *link != task)
		link = &(*link)->next;
	if (!*link)
		return false;
	*link = task->next;
	atomic_store(&task->queued, 0);
	return true;
}

void weir_task_cancel(weir_loop *loop, weir_task *task)
{
	if (take_out(&loop->tasks, task)) {
		loop->holds--;
		weir_task **end = &loop->tasks;
		while (*end)
			end = &(*end)->next;
		loop->tasks_end = end;
		return;
	}
	if (!take_out(&loop->at_end, task))
		take_out(&loop->at_drain, task);
}

int weir_post(weir_loop *loop, weir_task *task)
{
	if (!claim(task))
		return 0;
	/* Once the task is visible it may run and the loop be done; weir_loop_free
	   waits for those that are between here and the wake-up. */
	atomic_fetch_add(&loop->posting, 1);
	weir_task *head = atomic_load(&loop->posted);
	do
		task->next = head;
	while (!atomic_compare_exchange_weak(&loop->posted, &head, task));
	if (!head)
		weir__sys_wake_send(loop->wake_fd[1]);
	atomic_fetch_sub(&loop->posting, 1);
	return 1;
}

void weir__tasks_collect(weir_loop *loop)
{
	weir_task *stack = atomic_exchange(&loop->posted, NULL), *in_order = NULL;
	while (stack) {
		weir_task *next = stack->next;
		stack->next = in_order;
		in_order = stack;
		stack = next;
	}
	while (in_order) {
		weir_task *next = in_order->next;
		append(loop, in_order);
		loop->holds++;
		in_order = next;
	}
}

static void run(weir_task *task)
{
	weir_task_fn *fn = task->fn;
	void *arg = task->arg;
	/* Free to be queued again from here on, by any thread. */
	atomic_store(&task->queued, 0);
	fn(task, arg);
}

void weir__tasks_run(weir_loop *loop)
{
	/* What is queued meanwhile belongs to the next turn: an end mark instead
	   of a copy, so that tasks can be cancelled by those before them. */
	weir_task mark = {.fn = NULL};
	append(loop, &mark);
	while (loop->tasks != &mark) {
		weir_task *task = loop->tasks;
		loop->tasks = task->next;
		loop->holds--;
		run(task);
	}
	loop->tasks = mark.next;
	if (!loop->tasks)
		loop->tasks_end = &loop->tasks;
}

void weir__tasks_forget(weir_loop *loop)
{
	while (atomic_load(&loop->posting))
		weir__sys_yield();
	weir__tasks_collect(loop);
	weir_task *queues[] = {loop->tasks, loop->at_drain};
	for (int i = 0; i < 2; i++)
		for (weir_task *task = queues[i]; task; task = task->next)
			atomic_store(&task->queued, 0);
}

void weir__tasks_drain(weir_loop *loop)
{
	while (loop->at_drain) {
		weir_task *task = loop->at_drain;
		loop->at_drain = task->next;
		append(loop, task);
		loop->holds++;
	}
}

void weir__tasks_run_stack(weir_task **stack)
{
	while (*stack) {
		weir_task *task = *stack;
		*stack = task->next;
		run(task);
	}
}
