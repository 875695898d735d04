-- Each end once, in the order in which the ends were stored, and the name of this order.

CREATE TABLE completions (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given away twice
    job_seq INTEGER NOT NULL UNIQUE REFERENCES jobs (seq) ON DELETE CASCADE
);

INSERT INTO completions (job_seq)
    SELECT seq FROM jobs WHERE completed_ms IS NOT NULL ORDER BY completed_ms, seq;

CREATE TABLE completions_name (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    name TEXT NOT NULL CHECK (typeof(name) = 'text')
);

-- By chance: a place in this order is none in that of another database.
INSERT INTO completions_name (only, name) VALUES (1, lower(hex(randomblob(6))));
