/^int weir__poller_fork/,/^}/{
	s/^{/{ return p->fd >= 0 ? 0 : -EBADF;/
}
