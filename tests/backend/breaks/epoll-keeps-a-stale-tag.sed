/errno == EEXIST)/,/}/{
	s/(void)epoll_ctl.*/;/
	s/r = epoll_ctl.*/r = 0;/
}
