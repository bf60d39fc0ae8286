s/weir__fdtab_admit(&p->tab, p->mem, fd, tag)/weir__fdtab_admit(\&p->tab, p->mem, fd, \
	weir__fdtab_find(\&p->tab, fd) \&\& p->tab.at[fd].tag ? p->tab.at[fd].tag : tag)/
