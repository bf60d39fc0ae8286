#ifndef PORTS_SYS_STAT_H
#define PORTS_SYS_STAT_H
#include <time.h>

struct stat {
	dev_t st_dev;
	ino_t st_ino;
	mode_t st_mode;
	off_t st_size;
};
#define S_IFMT 0170000
#define S_ISBLK(mode) (((mode)&S_IFMT) == 0060000)
#define S_ISDIR(mode) (((mode)&S_IFMT) == 0040000)
#define S_ISREG(mode) (((mode)&S_IFMT) == 0100000)
#define S_ISSOCK(mode) (((mode)&S_IFMT) == 0140000)
int fstat(int, struct stat *);
int lstat(const char *restrict, struct stat *restrict);
int stat(const char *restrict, struct stat *restrict);

#endif
