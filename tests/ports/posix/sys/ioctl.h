#ifndef PORTS_SYS_IOCTL_H
#define PORTS_SYS_IOCTL_H
#ifndef PORTS_IOCTL_T
#define PORTS_IOCTL_T int
#endif
int ioctl(int, PORTS_IOCTL_T, ...);

#endif
