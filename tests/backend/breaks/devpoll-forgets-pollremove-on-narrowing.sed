/^static int describe/,/^}/s/if (w->armed & ~w->want)/if (w->armed \&\& w->want == 0)/
