s/if (r == 0 || now == 0)/if (r == 0)/
