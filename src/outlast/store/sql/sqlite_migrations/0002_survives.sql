-- What a node's command outlives, told when it starts. A word of its shim's, which may be a newer one.

ALTER TABLE nodes ADD COLUMN survives TEXT CHECK (typeof(survives) IN ('text', 'null'));
