"""Every fill exactly once: live notices held against the broker's own totals."""
