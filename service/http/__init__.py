"""The HTTP face of the allocator."""
