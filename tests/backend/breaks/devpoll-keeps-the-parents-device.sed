/^int weir__poller_fork/,/^}/s/^{/{ weir__fdtab_clear(\&p->tab); return p->fd >= 0 ? 0 : -EBADF;/
