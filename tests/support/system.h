/*
 * system.h: what must a system be told before its first header, so that C11 does not hide what
 * tests call? Included first by each file of the tests that calls more than C has.
 */
#ifndef WEIR_TESTS_SUPPORT_SYSTEM_H
#define WEIR_TESTS_SUPPORT_SYSTEM_H

/* Asked for POSIX, the BSDs and macOS hide what is theirs, MSG_DONTWAIT or kqueue() for example;
   FreeBSD and DragonFly show all if nothing is asked for. */
#if defined __NetBSD__
#define _NETBSD_SOURCE 1
#elif defined __OpenBSD__
#define _BSD_SOURCE 1
#elif defined __APPLE__
#define _DARWIN_C_SOURCE 1
#elif defined __sun
#define __EXTENSIONS__ 1
#define _XOPEN_SOURCE 600
#define _POSIX_PTHREAD_SEMANTICS 1
#elif !defined __FreeBSD__ && !defined __DragonFly__
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#endif

/* Else folders of large volumes cannot be read where long has 32 bits. */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif

#endif
