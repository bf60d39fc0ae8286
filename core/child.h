/* A child's insides, for those who make one: spawn.c and fork.c. */
#ifndef WEIR_CORE_CHILD_H
#define WEIR_CORE_CHILD_H

#include "core/chan.h"

struct weir_child {
	struct weir__source ending; /* the kernel's descriptor for it, or -1; fd -2: buried */
	struct weir__source report; /* what became of its exec; -1: that is known */
	struct weir__tenant tenant;
	weir_loop *loop;
	const weir_child_ops *ops;
	void *arg;
	int64_t pid;
	struct weir__owner *owner; /* of the streams to and from it; NULL: there are none */
	weir_chan *chan;
	/* Of whoever made it: hears of weir's words but WEIR__READY, as weir_chan.word, with
	   arg; or NULL. */
	void (*word)(weir_chan *chan, uint32_t word, const void *data, size_t len, int fd,
	             void *arg);
	weir_signal signal; /* SIGCHLD, where there is no such descriptor */
	weir_task step;
	weir_timer look;     /* for want of either */
	weir_timer patience; /* weir_child_opts.ready_ms */
	int32_t code, signo;
	int error;    /* why it never ran, or was ended */
	bool unknown; /* how it has ended */
	bool ran, ended, told, ready, dropped;
	bool passes;       /* the sockets of the loop */
	int32_t ntos, nto; /* room for, and how many there are of */
	int32_t tos[];     /* descriptors of streams that it reads */
};

/* A child that does not run yet, with room for so many streams that it reads. */
weir_child *weir__child_new(weir_loop *loop, const weir_child_ops *ops, void *arg, int32_t ntos);
/* Its streams. False: no memory. */
bool weir__child_owner(weir_child *child);
/* Makes sure that its end will be heard of. Before it is forked, because then it may end at
   once. 0 or -errno. */
int weir__child_expect(weir_child *child);
/* It runs. report -1: there is no exec. */
void weir__child_runs(weir_child *child, int64_t pid, int report, int32_t ready_ms);
/* The channel at this end. 0 or < 0: then fd is still the caller's. */
int weir__child_channel(weir_child *child, int fd, const weir_child_opts *opts);
/* It could not be started: all of it goes, silently. */
void weir__child_discard(weir_child *child);

#endif
