/^void weir__poller_drop/,/^}/s/if (shared && w != NULL)/if (shared \&\& w != NULL \&\& fd < 0)/
