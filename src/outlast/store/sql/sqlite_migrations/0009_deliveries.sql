-- What is to be told over HTTP about the end of jobs, and each try at it.

CREATE TABLE deliveries (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they came
    delivery_id TEXT    NOT NULL UNIQUE CHECK (typeof(delivery_id) = 'text'),
    job_seq     INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    url         TEXT    NOT NULL CHECK (typeof(url) = 'text'),
    origin      TEXT    NOT NULL CHECK (typeof(origin) = 'text'),
    secret      TEXT    NOT NULL CHECK (typeof(secret) = 'text'),  -- a reference, never a value
    event       TEXT    NOT NULL CHECK (typeof(event) = 'text'),
    is_servers  INTEGER NOT NULL CHECK (is_servers IN (0, 1)),
    state       TEXT    NOT NULL CHECK (state IN ('due', 'delivered', 'failed')),
    attempts    INTEGER NOT NULL CHECK (typeof(attempts) = 'integer' AND attempts >= 0),
    since       INTEGER NOT NULL CHECK (typeof(since) = 'integer' AND since >= 0),
        -- the attempts before its pauses began anew
    created_ms  INTEGER NOT NULL CHECK (typeof(created_ms) = 'integer'),
    due_ms      INTEGER CHECK (typeof(due_ms) IN ('integer', 'null')),
    CHECK ((state = 'due') = (due_ms IS NOT NULL))
);

CREATE INDEX deliveries_due ON deliveries (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX deliveries_by_job ON deliveries (job_seq);

CREATE TABLE delivery_tries (
    delivery_seq INTEGER NOT NULL REFERENCES deliveries (seq) ON DELETE CASCADE,
    attempt      INTEGER NOT NULL CHECK (typeof(attempt) = 'integer' AND attempt > 0),
    at_ms        INTEGER NOT NULL CHECK (typeof(at_ms) = 'integer'),
    took_ms      INTEGER NOT NULL CHECK (typeof(took_ms) = 'integer'),
    status       INTEGER CHECK (typeof(status) IN ('integer', 'null')),
    error        TEXT    CHECK (typeof(error) IN ('text', 'null')),
    PRIMARY KEY (delivery_seq, attempt)
) WITHOUT ROWID;
