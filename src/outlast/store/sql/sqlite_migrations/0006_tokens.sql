-- Tokens: of what lets somebody in only its SHA-256 is kept.

CREATE TABLE tokens (
    token_id     TEXT    NOT NULL PRIMARY KEY CHECK (typeof(token_id) = 'text'),
    name         TEXT    NOT NULL CHECK (typeof(name) = 'text'),
    digest       BLOB    NOT NULL UNIQUE CHECK (typeof(digest) = 'blob' AND length(digest) = 32),
    scope        TEXT    NOT NULL CHECK (scope IN ('read', 'run', 'admin')),
    policy       TEXT    CHECK (typeof(policy) IN ('text', 'null')),
    secrets      TEXT    NOT NULL CHECK (json_valid(secrets)),
    created_ms   INTEGER NOT NULL CHECK (typeof(created_ms) = 'integer'),
    expires_ms   INTEGER CHECK (typeof(expires_ms) IN ('integer', 'null')),
    last_used_ms INTEGER CHECK (typeof(last_used_ms) IN ('integer', 'null')),
    revoked_ms   INTEGER CHECK (typeof(revoked_ms) IN ('integer', 'null'))
);

CREATE UNIQUE INDEX tokens_by_name ON tokens (name) WHERE revoked_ms IS NULL;
