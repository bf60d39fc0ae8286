s/p->next < p->end ? p->next : 0/0/
