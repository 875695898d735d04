"""Documents into others: what leads where, and the process that converts one of them."""
