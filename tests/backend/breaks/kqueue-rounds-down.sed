s/timeout_ms % 1000 \* 1000000L/timeout_ms % 1000 \/ 10 * 10000000L/
