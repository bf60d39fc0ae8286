/^static void put/,/^}/{
	s/(uint16_t)(fd % FD_SETSIZE)/(uint16_t)fd/
	s/&set\[fd \/ FD_SETSIZE\]/set/
}
