/errno == EEXIST)/{
	n
	s/r = .*/r = 0;/
}
