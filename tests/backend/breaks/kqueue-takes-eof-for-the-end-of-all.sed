s/ev->flags & EV_EOF && ev->fflags != 0/ev->flags \& EV_EOF/
