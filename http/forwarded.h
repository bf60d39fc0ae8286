/*
 * forwarded.h: what do proxies say of others?
 */
#ifndef WEIR_HTTP_FORWARDED_H
#define WEIR_HTTP_FORWARDED_H

#include "core/addr.h"
#include "core/weir.h"

/*
 * Takes the last element off a comma list, without the blanks around it; empty
 * ones are passed over, and a comma inside a quoted string divides nothing.
 * False when there is none left.
 */
bool weir__list_last(weir_str *list, weir_str *item);

/* The `for` of an element of Forwarded (RFC 7239 section 4) / an element of
   X-Forwarded-For, if it is an address. Port 0: none is told. */
bool weir__forwarded_for(weir_str element, struct weir__addr *addr);
bool weir__x_forwarded_for(weir_str element, struct weir__addr *addr);

#endif
