s/got < 0 && got != -EINTR/got < 0/
