s/errno == EPERM ? 1 : -errno/-errno/
