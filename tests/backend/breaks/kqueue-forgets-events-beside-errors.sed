s/if (r > 0 && res.n < res.max)/if (r > 0 \&\& res.n == 0)/
