s/res.n > 0 ? 0 : timeout_ms/timeout_ms/
