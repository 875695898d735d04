-- Which jobs a job waits for, so that nothing is deleted whose end somebody has still to be told.

CREATE TABLE needs (
    needed_seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    job_seq    INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,  -- who waits
    PRIMARY KEY (needed_seq, job_seq)
) WITHOUT ROWID;

CREATE INDEX needs_by_job ON needs (job_seq);
