/* Solaris' header of this name. The two other systems have none: -DSTANDIN_SENDFILE_SOLARIS. */
#ifndef STANDIN_SYS_SENDFILE_H
#define STANDIN_SYS_SENDFILE_H

#if !defined(STANDIN_SENDFILE_SOLARIS)
#error "no such header"
#endif

#include <sys/types.h>

ssize_t standin_sendfile_solaris(int out_fd, int in_fd, off_t *off, size_t len);
#define sendfile standin_sendfile_solaris

#endif
