/^int weir__poller_fork/,/^}/s/if (p->pages > 0)/if (p->pages < 0)/
