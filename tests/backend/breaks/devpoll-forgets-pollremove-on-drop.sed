/^static void forget/,/^}/s/if (w->armed != 0)/if (w->armed != 0 \&\& fd < 0)/
