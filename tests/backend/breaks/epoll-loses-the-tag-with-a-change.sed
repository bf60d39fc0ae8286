s/(uint64_t)tag << 32/(uint64_t)(old == 0 ? tag : 0) << 32/
