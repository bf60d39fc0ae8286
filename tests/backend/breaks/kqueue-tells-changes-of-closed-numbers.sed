/^void weir__poller_drop/,/^}/s/forget(p, fd);/(void)forget;/
