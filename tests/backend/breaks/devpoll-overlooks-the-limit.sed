s/lim.rlim_cur >= (rlim_t)n/n > 0/
