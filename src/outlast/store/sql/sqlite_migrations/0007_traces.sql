-- When a node's attempt was claimed, and the trace of the request by which its job was submitted.

ALTER TABLE nodes ADD COLUMN claimed_ms INTEGER CHECK (typeof(claimed_ms) IN ('integer', 'null'));
ALTER TABLE jobs ADD COLUMN traceparent TEXT CHECK (typeof(traceparent) IN ('text', 'null'));
