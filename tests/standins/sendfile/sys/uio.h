/*
 * The system's header, and what FreeBSD (-DSTANDIN_SENDFILE_FREEBSD) or Darwin
 * (-DSTANDIN_SENDFILE_DARWIN) declare there. Under another name, since the C library has
 * one of this name.
 */
#pragma GCC system_header
#ifndef STANDIN_SYS_UIO_H
#define STANDIN_SYS_UIO_H

#include_next <sys/uio.h>

struct sf_hdtr;

#if defined(STANDIN_SENDFILE_FREEBSD)
int standin_sendfile_freebsd(int fd, int s, off_t offset, size_t nbytes, struct sf_hdtr *hdtr,
                             off_t *sbytes, int flags);
#define sendfile standin_sendfile_freebsd
#elif defined(STANDIN_SENDFILE_DARWIN)
int standin_sendfile_darwin(int fd, int s, off_t offset, off_t *len, struct sf_hdtr *hdtr,
                            int flags);
#define sendfile standin_sendfile_darwin
#endif

#endif
