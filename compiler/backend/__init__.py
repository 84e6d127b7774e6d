"""From target IR to a program file."""
