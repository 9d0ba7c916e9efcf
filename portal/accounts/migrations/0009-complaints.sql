-- What companies complain of, in their own words, which stay here: the ledger has the hash once somebody of the body has filed it.
CREATE TABLE grievances (
    -- The complaint's id on the ledger, from the operating system's randomness.
    id TEXT NOT NULL PRIMARY KEY,
    party TEXT NOT NULL REFERENCES parties (id),
    account TEXT NOT NULL REFERENCES accounts (id),
    body TEXT NOT NULL,
    -- 'complaint' or 'appeal'.
    kind TEXT NOT NULL,
    -- What it is about: the code of one of the two.
    application TEXT,
    certificate TEXT,
    words TEXT NOT NULL,
    -- Of what is hashed: nobody guesses the words from their hash.
    salt TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    -- When the company took it back. What is on the ledger by then goes on there.
    ended_at BIGINT
);
CREATE INDEX grievances_of_party ON grievances (party, written_at);
CREATE INDEX grievances_of_body ON grievances (body, written_at);
-- What the ledger says of every complaint, to list and search. It is read from there anew whenever it is missing.
-- Who files one chooses its id, and may choose the same one at two bodies: the body is of the key.
CREATE TABLE complaints (
    body TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    application TEXT,
    certificate TEXT,
    filed_by TEXT NOT NULL,
    state TEXT NOT NULL,
    steps BIGINT NOT NULL,
    -- What it says of itself on the ledger.
    summary TEXT NOT NULL,
    filed_at TEXT NOT NULL,
    -- The last step: of whom, when, why.
    taken_by TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (body, id)
);
CREATE INDEX complaints_by_state ON complaints (body, state, taken_at);
CREATE INDEX complaints_of_application ON complaints (body, application);
CREATE INDEX complaints_of_certificate ON complaints (body, certificate);
