-- Jobs that are submitted again and again, and how far each schedule is.

CREATE TABLE schedules (
    schedule_id   TEXT    NOT NULL PRIMARY KEY CHECK (typeof(schedule_id) = 'text'),
    name          TEXT    NOT NULL UNIQUE CHECK (typeof(name) = 'text'),
    version       INTEGER NOT NULL CHECK (typeof(version) = 'integer'),
    cron          TEXT    CHECK (typeof(cron) IN ('text', 'null')),
    every_ms      INTEGER CHECK (every_ms IS NULL OR (typeof(every_ms) = 'integer' AND every_ms > 0)),
    tz            TEXT    CHECK (typeof(tz) IN ('text', 'null')),
    missed        TEXT    NOT NULL CHECK (missed IN ('skip', 'once')),
    overlap       TEXT    NOT NULL CHECK (overlap IN ('skip', 'queue')),
    spec          TEXT    NOT NULL CHECK (json_valid(spec)),
    principal     TEXT    NOT NULL CHECK (typeof(principal) = 'text'),
    token_id      TEXT    NOT NULL CHECK (typeof(token_id) = 'text'),
    state         TEXT    NOT NULL CHECK (state IN ('active', 'paused')),
    created_ms    INTEGER NOT NULL CHECK (typeof(created_ms) = 'integer'),
    next_ms       INTEGER CHECK (typeof(next_ms) IN ('integer', 'null')),
    last_ms       INTEGER CHECK (typeof(last_ms) IN ('integer', 'null')),
    last_job_id   TEXT    CHECK (typeof(last_job_id) IN ('text', 'null')),
    missed_count  INTEGER NOT NULL CHECK (typeof(missed_count) = 'integer' AND missed_count >= 0),
    missed_ms     INTEGER CHECK (typeof(missed_ms) IN ('integer', 'null')),
    skipped_count INTEGER NOT NULL CHECK (typeof(skipped_count) = 'integer' AND skipped_count >= 0),
    skipped_ms    INTEGER CHECK (typeof(skipped_ms) IN ('integer', 'null')),
    error         TEXT    CHECK (typeof(error) IN ('text', 'null')),
    CHECK ((cron IS NULL) <> (every_ms IS NULL)),
    CHECK (state = 'active' OR next_ms IS NULL)
) WITHOUT ROWID;

CREATE INDEX schedules_due ON schedules (next_ms) WHERE next_ms IS NOT NULL;
