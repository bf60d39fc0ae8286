s/timeout_ms % 1000 \* 1000/timeout_ms % 1000 \/ 10 * 10000/
