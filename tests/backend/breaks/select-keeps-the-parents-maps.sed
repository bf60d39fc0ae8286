/^int weir__poller_fork/,/^}/{
	s/if (p->pages > 0)/if (p->pages < 0)/
	s/p->end = p->next = 0;//
	s/weir__fdtab_clear(&p->tab);//
}
