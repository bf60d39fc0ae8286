/^void weir__poller_drop/,/^}/s/if (old != 0 && shared)/if (old != 0 \&\& shared \&\& fd < 0)/
