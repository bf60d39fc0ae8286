s/errno == EINTR ? 0 : -errno/-errno/
