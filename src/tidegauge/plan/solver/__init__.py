"""The planning problem in arrays: the search, its bounds, exact and in parts."""
