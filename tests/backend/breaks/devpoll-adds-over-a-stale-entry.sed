s/w->armed |= STALE;/w->armed = 0;/
