-- Stability studies of companies: a file of theirs, and how it is read and evaluated.
CREATE TABLE studies (
    id TEXT NOT NULL PRIMARY KEY,
    party TEXT NOT NULL REFERENCES parties (id),
    account TEXT NOT NULL REFERENCES accounts (id),
    -- Which file, what it was called, and what it was when it was uploaded.
    file TEXT NOT NULL,
    title TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    -- The options of `nanotrace q1e`, as a shell takes them.
    parameters TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX studies_of_party ON studies (party, created_at);
CREATE INDEX studies_of_account ON studies (account);
CREATE INDEX studies_of_file ON studies (file);
-- What is to be computed, and what came of it: once for the company that owns the study, and again for each organisation that asks.
CREATE TABLE computations (
    id TEXT NOT NULL PRIMARY KEY,
    study TEXT NOT NULL REFERENCES studies (id),
    party TEXT NOT NULL REFERENCES parties (id),
    account TEXT NOT NULL REFERENCES accounts (id),
    -- 'waiting' until it ends: 'done', 'refused' (something is wrong with the file) or 'failed'.
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- How often it was begun. A process that is killed in the middle leaves it waiting.
    tries BIGINT NOT NULL,
    rows_read BIGINT NOT NULL,
    -- Why it was refused or failed; of one that an organisation asked for, 'same' or 'different'.
    said TEXT NOT NULL,
    -- What it came to, in a line for a document.
    statement TEXT NOT NULL,
    -- JSON and SVG; null where there is none.
    result TEXT,
    plot TEXT,
    ended_at BIGINT,
    -- Counts what ended, so that parties take turns.
    turn BIGINT,
    UNIQUE (study, party)
);
CREATE INDEX computations_that_wait ON computations (state, created_at);
CREATE INDEX computations_of_party ON computations (party, turn);
CREATE INDEX computations_of_account ON computations (account);
CREATE INDEX computations_of_statement ON computations (statement);
