#ifndef PORTS_DIRENT_H
#define PORTS_DIRENT_H
#include <sys/types.h>

typedef struct ports_dir DIR;
struct dirent {
	ino_t d_ino;
	char d_name[256];
};
int closedir(DIR *);
int dirfd(DIR *);
DIR *opendir(const char *);
struct dirent *readdir(DIR *);

#endif
