/^static void put/,/^}/{
	s/(unsigned)fd % FD_SETSIZE/(unsigned)fd/
	s/&set\[fd \/ FD_SETSIZE\]/set/
}
