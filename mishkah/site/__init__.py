"""What is answered to plain requests: pages, files, probes, metrics, and REST beside them."""
