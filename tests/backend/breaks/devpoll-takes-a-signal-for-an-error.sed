/DP_POLL, &ask/,/^}/s/errno == EINTR ? 0 : -errno/-errno/
