/^int weir__poller_fork/,/^}/s/p->owner = getpid();/;/
