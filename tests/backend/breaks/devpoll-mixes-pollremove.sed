/^static int describe/,/^}/s/\.events = POLLREMOVE/.events = POLLREMOVE | POLLIN/
