"""REST under /api/v1: the socket's rules and commits for programs that speak plain HTTP."""
