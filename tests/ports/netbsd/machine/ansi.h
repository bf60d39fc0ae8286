/* gcc's own headers include it when they are told that the system is NetBSD. */
#define _BSD_PTRDIFF_T_ __PTRDIFF_TYPE__
#define _BSD_SIZE_T_ __SIZE_TYPE__
#define _BSD_WCHAR_T_ __WCHAR_TYPE__
