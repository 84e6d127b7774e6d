"""Published figures held against ours: what the papers print, what we measure, and why."""
