"""Running program files: the base machine, the accelerators, energy, checks."""
