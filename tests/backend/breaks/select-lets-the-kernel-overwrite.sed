s/in = map(p, READY_IN);/in = map(p, WANT_IN);/
s/outs = map(p, READY_OUT);/outs = map(p, WANT_OUT);/
s/memcpy(in, map(p, WANT_IN)/memcpy(map(p, READY_IN), in/
