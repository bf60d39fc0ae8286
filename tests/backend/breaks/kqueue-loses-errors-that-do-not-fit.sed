s/if (store(p, res, fd, WEIR__ERR) &&/if (!store(p, res, fd, WEIR__ERR)) return; if (/
