-- Sessions, and the jobs that ran in each.

CREATE TABLE sessions (
    session_id   TEXT    NOT NULL PRIMARY KEY CHECK (typeof(session_id) = 'text'),
    name         TEXT    NOT NULL CHECK (typeof(name) = 'text'),
    host         TEXT    NOT NULL CHECK (typeof(host) = 'text'),
    created_ms   INTEGER NOT NULL CHECK (typeof(created_ms) = 'integer'),
    last_used_ms INTEGER CHECK (typeof(last_used_ms) IN ('integer', 'null')),
    closed_ms    INTEGER CHECK (typeof(closed_ms) IN ('integer', 'null'))
);

CREATE UNIQUE INDEX sessions_by_name ON sessions (name) WHERE closed_ms IS NULL;

CREATE TABLE session_jobs (
    session_id TEXT    NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    job_seq    INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    PRIMARY KEY (session_id, job_seq)
) WITHOUT ROWID;

CREATE INDEX session_jobs_by_job ON session_jobs (job_seq);
