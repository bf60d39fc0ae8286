#ifndef PORTS_SYS_UN_H
#define PORTS_SYS_UN_H
#include <sys/socket.h>

#ifndef PORTS_SUN_PATH
#define PORTS_SUN_PATH 104
#endif
struct sockaddr_un {
	PORTS_ADDRESS(sun_family);
	char sun_path[PORTS_SUN_PATH];
};

#endif
