s/int got = call(p, p->list, n, (uint16_t)room, timeout_ms);/int got = call(p, p->list, 0, (uint16_t)room, timeout_ms); \
	if (got <= 0 \&\& n > 0) (void)call(p, p->list, n, 0, 0);/
