"""The server beside a Node peer and the limit; `python -m benchmarks.versus` runs it."""
