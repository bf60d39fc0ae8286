/*
 * How do pollers remember descriptors? In one array, indexed by the descriptor:
 * kernels give out the lowest free number, so it is as dense as anything hashed
 * and never has to be searched.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/fdtab.h"

enum { SMALLEST = 64 };

/* 0: something to be polled; 1: always ready; -errno. */
static int kind(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		/* A size that off_t cannot hold: only files have one. */
		return errno == EOVERFLOW ? 1 : -errno;
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode);
}

static int reach(struct weir__fdtab *tab, struct weir__mem *mem, int fd)
{
	const size_t one = sizeof(*tab->at);
	size_t size = tab->size > 0 ? (size_t)tab->size : SMALLEST;

	if (fd < tab->size)
		return 0;
	while (size <= (size_t)fd)
		size *= 2;
	struct weir__watch *at =
		weir__mem_resize(mem, tab->at, (size_t)tab->size * one, size * one);
	if (at == NULL)
		return -ENOMEM;
	memset(at + tab->size, 0, (size - (size_t)tab->size) * one);
	tab->at = at;
	tab->size = (int)size;
	return 0;
}

int weir__fdtab_admit(struct weir__fdtab *tab, struct weir__mem *mem, int fd, uint32_t tag)
{
	int r = kind(fd);

	if (r == 0)
		r = reach(tab, mem, fd);
	if (r == 0)
		tab->at[fd].tag = tag;
	return r;
}

struct weir__watch *weir__fdtab_find(const struct weir__fdtab *tab, int fd)
{
	return fd >= 0 && fd < tab->size ? &tab->at[fd] : NULL;
}

void weir__fdtab_note(struct weir__fdtab *tab, int fd)
{
	struct weir__watch *w = &tab->at[fd];

	if (w->want != w->armed && w->queued == 0) {
		tab->at[tab->queued].slot = fd;
		w->queued = ++tab->queued;
	} else if (w->want == w->armed && w->queued != 0) {
		/* The last entry moves into the gap: the order means nothing. */
		int last = tab->at[--tab->queued].slot;
		tab->at[w->queued - 1].slot = last;
		tab->at[last].queued = w->queued;
		w->queued = 0;
	}
}

void weir__fdtab_clear(struct weir__fdtab *tab)
{
	if (tab->size > 0)
		memset(tab->at, 0, (size_t)tab->size * sizeof(*tab->at));
	tab->queued = 0;
}

void weir__fdtab_free(struct weir__fdtab *tab, struct weir__mem *mem)
{
	weir__mem_free(mem, tab->at, (size_t)tab->size * sizeof(*tab->at));
	*tab = (struct weir__fdtab){NULL, 0, 0};
}
