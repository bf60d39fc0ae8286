/^static int find_closed/,/^}/s/(void)want(p, fd, 0);/;/
