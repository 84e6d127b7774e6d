"""GoSPA beside SparTen: speed-up, SRAM accesses and energy per layer, at the papers' densities."""
