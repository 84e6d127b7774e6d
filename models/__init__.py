"""Networks that ship with spcc, and builders with seeded weights."""
