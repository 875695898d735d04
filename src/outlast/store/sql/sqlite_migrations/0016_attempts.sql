-- The attempts of a node that failed and were followed by another one, and when the next may begin.

ALTER TABLE nodes ADD COLUMN earlier TEXT CHECK (earlier IS NULL OR json_valid(earlier));
ALTER TABLE nodes ADD COLUMN retry_ms INTEGER CHECK (typeof(retry_ms) IN ('integer', 'null'));
