"""A machine of its own, whose CPUs, drivers and clocks are moved while it records itself."""
