s/if (w->seen >= res->n || res->out\[w->seen\].fd != fd)/if (ready != 0)/
