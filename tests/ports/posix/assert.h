#ifndef PORTS_ASSERT_H
#define PORTS_ASSERT_H
#define static_assert _Static_assert

#endif
