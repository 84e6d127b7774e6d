"""Golden models: slow, literal, from the target sheets alone; the fast rules must equal them."""
