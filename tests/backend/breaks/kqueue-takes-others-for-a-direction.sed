s/now &= WEIR__IN | WEIR__OUT;/;/
