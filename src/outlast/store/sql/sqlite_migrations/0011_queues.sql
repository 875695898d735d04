-- Queues that somebody created, and in which queue and how urgent each job is now: as its spec
-- says at first, and then as it was moved.

CREATE TABLE queues (
    name             TEXT    NOT NULL PRIMARY KEY CHECK (typeof(name) = 'text'),
    width            INTEGER CHECK (width IS NULL OR (typeof(width) = 'integer' AND width > 0)),
    max_cpus         REAL    CHECK (max_cpus IS NULL OR (typeof(max_cpus) = 'real' AND max_cpus > 0)),
    max_memory_bytes INTEGER CHECK (typeof(max_memory_bytes) IN ('integer', 'null')),
    state            TEXT    NOT NULL CHECK (state IN ('open', 'paused', 'draining')),
    created_ms       INTEGER CHECK (typeof(created_ms) IN ('integer', 'null'))
) WITHOUT ROWID;

ALTER TABLE jobs ADD COLUMN queue TEXT CHECK (typeof(queue) IN ('text', 'null'));
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (typeof(priority) = 'integer');

UPDATE jobs SET
    queue = nullif(json_extract(spec, '$.queue'), 'default'),
    priority = coalesce(json_extract(spec, '$.priority'), 0);

CREATE INDEX jobs_by_queue ON jobs (queue) WHERE queue IS NOT NULL;
CREATE INDEX jobs_in_queue ON jobs (status, queue) WHERE completed_ms IS NULL;
