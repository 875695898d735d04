-- Jobs, their nodes and labels, and the tombstones of those that were deleted.
--
-- Times are whole milliseconds since 1970, UTC. Types are held by CHECKs and not by STRICT: a
-- Python 3.11 may stand on an SQLite older than 3.37. The core decides; SQL only guards.

CREATE TABLE jobs (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of submission; never used twice
    job_id       TEXT    NOT NULL UNIQUE CHECK (typeof(job_id) = 'text'),
    version      INTEGER NOT NULL CHECK (typeof(version) = 'integer' AND version >= 0),
    spec         TEXT    NOT NULL CHECK (json_valid(spec)),
    principal    TEXT    NOT NULL CHECK (typeof(principal) = 'text'),
    key          TEXT    CHECK (typeof(key) IN ('text', 'null')),
    fingerprint  TEXT    NOT NULL CHECK (typeof(fingerprint) = 'text'),
    capture      TEXT    CHECK (typeof(capture) IN ('text', 'null')),
    status       TEXT    NOT NULL CHECK (status IN (
        'queued', 'running', 'complete', 'partial', 'failed', 'cancelled')),
    reason       TEXT    CHECK (reason IN (
        'exit_nonzero', 'signal', 'timeout', 'idle_timeout', 'queue_timeout', 'connect_timeout',
        'connect_failed', 'auth_failed', 'host_key_rejected', 'spawn_failed', 'image_unavailable',
        'pull_timeout', 'engine_unavailable', 'engine_error', 'secret_unavailable', 'disk_full',
        'oom_killed', 'output_limit', 'prompt_unanswered', 'artifacts_missing', 'exception',
        'lost', 'host_rebooted', 'cancelled', 'mixed')),
    created_ms   INTEGER NOT NULL CHECK (typeof(created_ms) = 'integer'),
    latest_ms    INTEGER NOT NULL CHECK (latest_ms >= created_ms),
        -- the latest created_ms so far: grows with seq even where the clock was set back
    started_ms   INTEGER CHECK (typeof(started_ms) IN ('integer', 'null')),
    completed_ms INTEGER CHECK (typeof(completed_ms) IN ('integer', 'null')),
    stopped_ms   INTEGER CHECK (typeof(stopped_ms) IN ('integer', 'null')),
    expires_ms   INTEGER CHECK (typeof(expires_ms) IN ('integer', 'null')),
    CHECK ((status IN ('queued', 'running')) = (completed_ms IS NULL)),
    CHECK ((completed_ms IS NULL) = (expires_ms IS NULL)),
    CHECK (stopped_ms IS NULL OR completed_ms IS NOT NULL)
);

CREATE UNIQUE INDEX jobs_by_key ON jobs (principal, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_by_status ON jobs (status);
CREATE INDEX jobs_by_time ON jobs (latest_ms);
CREATE INDEX jobs_unsettled ON jobs (stopped_ms) WHERE stopped_ms IS NULL;
CREATE INDEX jobs_expiring ON jobs (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE TABLE nodes (
    job_seq        INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    idx            INTEGER NOT NULL CHECK (typeof(idx) = 'integer' AND idx >= 0),
    name           TEXT    NOT NULL CHECK (typeof(name) = 'text'),
    executor       TEXT    NOT NULL CHECK (typeof(executor) = 'text'),
    status         TEXT    NOT NULL CHECK (status IN (
        'pending', 'running', 'complete', 'failed', 'cancelled')),
    reason         TEXT    CHECK (reason IN (
        'exit_nonzero', 'signal', 'timeout', 'idle_timeout', 'queue_timeout', 'connect_timeout',
        'connect_failed', 'auth_failed', 'host_key_rejected', 'spawn_failed', 'image_unavailable',
        'pull_timeout', 'engine_unavailable', 'engine_error', 'secret_unavailable', 'disk_full',
        'oom_killed', 'output_limit', 'prompt_unanswered', 'artifacts_missing', 'exception',
        'lost', 'host_rebooted', 'cancelled')),
    attempt        INTEGER NOT NULL CHECK (typeof(attempt) = 'integer' AND attempt >= 0),
    boot_id        TEXT    CHECK (typeof(boot_id) IN ('text', 'null')),
    exit_code      INTEGER CHECK (typeof(exit_code) IN ('integer', 'null')),
    signal         INTEGER CHECK (typeof(signal) IN ('integer', 'null')),
    error          TEXT    CHECK (typeof(error) IN ('text', 'null')),
    started_ms     INTEGER CHECK (typeof(started_ms) IN ('integer', 'null')),
    completed_ms   INTEGER CHECK (typeof(completed_ms) IN ('integer', 'null')),
    stopped_ms     INTEGER CHECK (typeof(stopped_ms) IN ('integer', 'null')),
    stop_error     TEXT    CHECK (typeof(stop_error) IN ('text', 'null')),
    late_exit_code INTEGER CHECK (typeof(late_exit_code) IN ('integer', 'null')),
    containment    TEXT    CHECK (typeof(containment) IN ('text', 'null')),
    degraded       INTEGER NOT NULL CHECK (degraded IN (0, 1)),
    stdout_bytes   INTEGER NOT NULL CHECK (typeof(stdout_bytes) = 'integer' AND stdout_bytes >= 0),
    stderr_bytes   INTEGER NOT NULL CHECK (typeof(stderr_bytes) = 'integer' AND stderr_bytes >= 0),
    progress_pct   REAL    CHECK (typeof(progress_pct) IN ('real', 'null')),
    message        TEXT    CHECK (typeof(message) IN ('text', 'null')),
    PRIMARY KEY (job_seq, idx),
    CHECK ((status IN ('pending', 'running')) = (completed_ms IS NULL)),
    CHECK ((status IN ('failed', 'cancelled')) = (reason IS NOT NULL)),
    CHECK (status <> 'running' OR started_ms IS NOT NULL),
    CHECK (stopped_ms IS NULL OR completed_ms IS NOT NULL)
) WITHOUT ROWID;

CREATE TABLE labels (
    name    TEXT    NOT NULL CHECK (typeof(name) = 'text'),
    value   TEXT    NOT NULL CHECK (typeof(value) = 'text'),
    job_seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    PRIMARY KEY (name, value, job_seq)
) WITHOUT ROWID;

CREATE INDEX labels_by_job ON labels (job_seq);

-- A job that was deleted, or whose retention is over. Its key stays taken until this goes too.
CREATE TABLE tombstones (
    job_id      TEXT    NOT NULL PRIMARY KEY CHECK (typeof(job_id) = 'text'),
    principal   TEXT    NOT NULL CHECK (typeof(principal) = 'text'),
    key         TEXT    CHECK (typeof(key) IN ('text', 'null')),
    fingerprint TEXT    NOT NULL CHECK (typeof(fingerprint) = 'text'),
    expired_ms  INTEGER NOT NULL CHECK (typeof(expired_ms) = 'integer')
) WITHOUT ROWID;

CREATE UNIQUE INDEX tombstones_by_key ON tombstones (principal, key) WHERE key IS NOT NULL;
CREATE INDEX tombstones_by_time ON tombstones (expired_ms);
