s/got == 0 || errno == EINTR ? 0 : -errno/got == 0 ? 0 : -errno/
