s/ts.tv_sec = timeout_ms \/ 1000;/ts.tv_sec = 0;/
