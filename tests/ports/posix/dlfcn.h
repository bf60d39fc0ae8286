#ifndef PORTS_DLFCN_H
#define PORTS_DLFCN_H
#define RTLD_NOW 2
void *dlopen(const char *, int);

#endif
