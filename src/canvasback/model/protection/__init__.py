"""What clouds do for a bucket by themselves: what there is of it, and whether that suffices for a lake."""
