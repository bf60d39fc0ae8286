s/ev.events |= EPOLLEXCLUSIVE;/;/
