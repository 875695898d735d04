-- The image that a node's container was made of, told when it starts: its id, and what it is at its registry.

ALTER TABLE nodes ADD COLUMN image_id TEXT CHECK (typeof(image_id) IN ('text', 'null'));
ALTER TABLE nodes ADD COLUMN image_digest TEXT CHECK (typeof(image_digest) IN ('text', 'null'));
