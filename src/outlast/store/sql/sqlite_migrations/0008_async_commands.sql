-- When the caller of a session's command, who stayed for it, was told that it goes on by itself.

ALTER TABLE session_jobs ADD COLUMN async_ms INTEGER CHECK (typeof(async_ms) IN ('integer', 'null'));
