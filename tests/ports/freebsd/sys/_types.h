/* gcc's own headers include it when they are told that the system is FreeBSD. */
