-- One reason more, `dependency_failed`. A CHECK cannot be changed, so both tables are made anew, with what
-- was added to them since: https://www.sqlite.org/lang_altertable.html#otheralter

CREATE TABLE new_jobs (
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
        'exit_nonzero', 'signal', 'timeout', 'idle_timeout', 'queue_timeout', 'dependency_failed',
        'connect_timeout', 'connect_failed', 'auth_failed', 'host_key_rejected', 'spawn_failed',
        'image_unavailable', 'pull_timeout', 'engine_unavailable', 'engine_error',
        'secret_unavailable', 'disk_full', 'oom_killed', 'output_limit', 'prompt_unanswered',
        'artifacts_missing', 'exception', 'lost', 'host_rebooted', 'cancelled', 'mixed')),
    created_ms   INTEGER NOT NULL CHECK (typeof(created_ms) = 'integer'),
    latest_ms    INTEGER NOT NULL CHECK (latest_ms >= created_ms),
        -- the latest created_ms so far: grows with seq even where the clock was set back
    started_ms   INTEGER CHECK (typeof(started_ms) IN ('integer', 'null')),
    completed_ms INTEGER CHECK (typeof(completed_ms) IN ('integer', 'null')),
    stopped_ms   INTEGER CHECK (typeof(stopped_ms) IN ('integer', 'null')),
    expires_ms   INTEGER CHECK (typeof(expires_ms) IN ('integer', 'null')),
    traceparent  TEXT    CHECK (typeof(traceparent) IN ('text', 'null')),
    CHECK ((status IN ('queued', 'running')) = (completed_ms IS NULL)),
    CHECK ((completed_ms IS NULL) = (expires_ms IS NULL)),
    CHECK (stopped_ms IS NULL OR completed_ms IS NOT NULL)
);

INSERT INTO new_jobs (
    seq, job_id, version, spec, principal, key, fingerprint, capture, status, reason, created_ms,
    latest_ms, started_ms, completed_ms, stopped_ms, expires_ms, traceparent)
SELECT
    seq, job_id, version, spec, principal, key, fingerprint, capture, status, reason, created_ms,
    latest_ms, started_ms, completed_ms, stopped_ms, expires_ms, traceparent
FROM jobs;

-- The last place that was given away is higher than that of any job, where the last were deleted.
DELETE FROM sqlite_sequence WHERE name = 'new_jobs';
INSERT INTO sqlite_sequence (name, seq) SELECT 'new_jobs', seq FROM sqlite_sequence WHERE name = 'jobs';
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;

CREATE UNIQUE INDEX jobs_by_key ON jobs (principal, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_by_status ON jobs (status);
CREATE INDEX jobs_by_time ON jobs (latest_ms);
CREATE INDEX jobs_unsettled ON jobs (stopped_ms) WHERE stopped_ms IS NULL;
CREATE INDEX jobs_expiring ON jobs (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE TABLE new_nodes (
    job_seq        INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    idx            INTEGER NOT NULL CHECK (typeof(idx) = 'integer' AND idx >= 0),
    name           TEXT    NOT NULL CHECK (typeof(name) = 'text'),
    executor       TEXT    NOT NULL CHECK (typeof(executor) = 'text'),
    status         TEXT    NOT NULL CHECK (status IN (
        'pending', 'running', 'complete', 'failed', 'cancelled')),
    reason         TEXT    CHECK (reason IN (
        'exit_nonzero', 'signal', 'timeout', 'idle_timeout', 'queue_timeout', 'dependency_failed',
        'connect_timeout', 'connect_failed', 'auth_failed', 'host_key_rejected', 'spawn_failed',
        'image_unavailable', 'pull_timeout', 'engine_unavailable', 'engine_error',
        'secret_unavailable', 'disk_full', 'oom_killed', 'output_limit', 'prompt_unanswered',
        'artifacts_missing', 'exception', 'lost', 'host_rebooted', 'cancelled')),
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
    survives       TEXT    CHECK (typeof(survives) IN ('text', 'null')),
    image_id       TEXT    CHECK (typeof(image_id) IN ('text', 'null')),
    image_digest   TEXT    CHECK (typeof(image_digest) IN ('text', 'null')),
    claimed_ms     INTEGER CHECK (typeof(claimed_ms) IN ('integer', 'null')),
    PRIMARY KEY (job_seq, idx),
    CHECK ((status IN ('pending', 'running')) = (completed_ms IS NULL)),
    CHECK ((status IN ('failed', 'cancelled')) = (reason IS NOT NULL)),
    CHECK (status <> 'running' OR started_ms IS NOT NULL),
    CHECK (stopped_ms IS NULL OR completed_ms IS NOT NULL)
) WITHOUT ROWID;

INSERT INTO new_nodes (
    job_seq, idx, name, executor, status, reason, attempt, boot_id, exit_code, signal, error,
    started_ms, completed_ms, stopped_ms, stop_error, late_exit_code, containment, degraded,
    stdout_bytes, stderr_bytes, progress_pct, message, survives, image_id, image_digest,
    claimed_ms)
SELECT
    job_seq, idx, name, executor, status, reason, attempt, boot_id, exit_code, signal, error,
    started_ms, completed_ms, stopped_ms, stop_error, late_exit_code, containment, degraded,
    stdout_bytes, stderr_bytes, progress_pct, message, survives, image_id, image_digest,
    claimed_ms
FROM nodes;

DROP TABLE nodes;
ALTER TABLE new_nodes RENAME TO nodes;
