"""The contract between compiler and runtime: instructions, storage formats, program files."""
