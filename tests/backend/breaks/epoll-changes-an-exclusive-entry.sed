s/#if HAVE_EPOLLEXCLUSIVE/#ifdef EPOLLEXCLUSIVE/
/errno == EEXIST)/,/}/{
	s/(void)epoll_ctl.*/;/
	s/EPOLL_CTL_ADD, fd/EPOLL_CTL_MOD, fd/
}
