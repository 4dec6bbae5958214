"""Files from outside, which may be damaged or hostile; and writing so that nothing is lost."""
