#ifndef PORTS_UNISTD_H
#define PORTS_UNISTD_H
#include <sys/types.h>

#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
_Noreturn void _exit(int);
int chdir(const char *);
int close(int);
int dup(int);
int dup2(int, int);
int execvp(const char *, char *const[]);
pid_t fork(void);
uid_t geteuid(void);
gid_t getegid(void);
uid_t getuid(void);
gid_t getgid(void);
pid_t getpid(void);
pid_t getppid(void);
int pipe(int[2]);
ssize_t pread(int, void *, size_t, off_t);
ssize_t pwrite(int, const void *, size_t, off_t);
ssize_t read(int, void *, size_t);
int setgid(gid_t);
pid_t setsid(void);
int setuid(uid_t);
long sysconf(int);
int unlink(const char *);
ssize_t write(int, const void *, size_t);
#define _SC_OPEN_MAX 5
#define _SC_NPROCESSORS_ONLN 58

#endif
