"""What each accelerator accepts, its pass pipeline and its lowering."""
