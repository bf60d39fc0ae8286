s/\.dp_timeout = timeout_ms/.dp_timeout = timeout_ms > 0 ? timeout_ms \/ 10 * 10 : timeout_ms/
