/^int weir__poller_fork/,/^}/{
	s/p->fd = open_device();/const int fd = open_device(); if (fd >= 0) p->fd = fd;/
	s/return p->fd >= 0 ? 0 : p->fd;/return fd >= 0 ? 0 : fd;/
}
