s/within_limit(max + 1) - 1/within_limit(max)/
