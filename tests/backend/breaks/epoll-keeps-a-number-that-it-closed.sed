/^int weir__poller_fork/,/^}/{
	s/p->fd = open_set();/const int fd = open_set(); if (fd >= 0) p->fd = fd;/
	s/return p->fd >= 0 ? 0 : p->fd;/return fd >= 0 ? 0 : fd;/
}
