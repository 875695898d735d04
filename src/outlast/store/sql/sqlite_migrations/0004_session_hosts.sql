-- What is known of a session's host and of those on the way there, by name.

ALTER TABLE sessions ADD COLUMN hosts TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(hosts));
