s/return find_closed(p, out, max);/return find_closed == NULL ? 0 : -EBADF;/
