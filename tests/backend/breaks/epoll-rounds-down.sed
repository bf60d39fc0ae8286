s/max : BATCH, timeout_ms)/max : BATCH, timeout_ms > 0 ? timeout_ms - 1 : timeout_ms)/
