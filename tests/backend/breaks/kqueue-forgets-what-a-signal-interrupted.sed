s/told(p, 0, hi);/if (got == -EINTR) return 0; told(p, 0, hi);/
