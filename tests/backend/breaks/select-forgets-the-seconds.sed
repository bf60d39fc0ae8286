s/tv.tv_sec = timeout_ms \/ 1000;/tv.tv_sec = 0;/
