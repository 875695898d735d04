"""The SQL of each database, in one place: named queries, and numbered migrations beside them."""
