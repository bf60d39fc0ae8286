s/now == 0 ? EPOLL_CTL_DEL/now == 0 ? EPOLL_CTL_MOD/
