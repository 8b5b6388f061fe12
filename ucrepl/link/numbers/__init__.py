"""Document numbers: who hands them out, so that two nodes never give the same one."""
