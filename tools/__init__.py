"""The command-line tools; the only layer that sees both compiler and runtime."""
