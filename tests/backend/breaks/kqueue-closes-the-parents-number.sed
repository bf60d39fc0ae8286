s/p->fd >= 0 && p->owner == getpid()/p->fd >= 0/
