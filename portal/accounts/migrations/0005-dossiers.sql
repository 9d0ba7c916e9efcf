-- What companies write for their applications, and what is to be done on the ledger. Nothing here decides: what an application
-- has come to stands on the ledger.
CREATE TABLE dossiers (
    -- The application's id on the ledger, from the operating system's randomness.
    id TEXT NOT NULL PRIMARY KEY,
    party TEXT NOT NULL REFERENCES parties (id),
    -- What was filled in, as a JSON object of texts.
    fields TEXT NOT NULL,
    -- The steps of the form that were saved, by their names with spaces between.
    saved_steps TEXT NOT NULL,
    -- Of what is handed in: nobody guesses the rest from its hash.
    salt TEXT NOT NULL,
    -- Counts what was saved: a form that was loaded before says so.
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX dossiers_of_party ON dossiers (party, changed_at);
-- What was handed in, as it was hashed. Never changed.
CREATE TABLE editions (
    dossier TEXT NOT NULL REFERENCES dossiers (id),
    number BIGINT NOT NULL,
    -- 'sha256:' and the hash in hexadecimal, as it stands on the ledger.
    hash TEXT NOT NULL,
    content TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (dossier, number)
);
-- Calls of the contract that wait, until the ledger has them or refuses them.
CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY,
    party TEXT NOT NULL REFERENCES parties (id),
    account TEXT NOT NULL REFERENCES accounts (id),
    application TEXT NOT NULL REFERENCES dossiers (id),
    body TEXT NOT NULL,
    -- 'submit', 'complete' or 'withdraw'.
    step TEXT NOT NULL,
    -- Of 'submit' the request as JSON, of 'complete' the dossier's hash, of 'withdraw' the reason.
    argument TEXT NOT NULL,
    -- 'waiting', 'done' or 'refused'.
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    tries BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    -- Why it waits or was refused.
    said TEXT NOT NULL,
    transaction_id TEXT,
    block BIGINT
);
CREATE INDEX calls_of_application ON calls (application, created_at);
-- One call at a time for an application: who sends a form twice does not do it twice.
CREATE UNIQUE INDEX calls_waiting ON calls (application) WHERE state = 'waiting';
-- What the ledger says of every application, to list and search. It is read from there anew whenever it is missing.
-- Who applies chooses the id, and may apply with the same one to two bodies: the body is of the key.
CREATE TABLE applications (
    body TEXT NOT NULL,
    id TEXT NOT NULL,
    applicant TEXT NOT NULL,
    title TEXT NOT NULL,
    scheme TEXT NOT NULL,
    state TEXT NOT NULL,
    steps BIGINT NOT NULL,
    dossier TEXT NOT NULL,
    -- The code of what was decided to grant.
    certificate TEXT,
    -- The last step: what, of whom, when, why.
    step TEXT NOT NULL,
    taken_by TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    submitted_at TEXT NOT NULL,
    PRIMARY KEY (body, id)
);
CREATE INDEX applications_by_id ON applications (id);
-- Which organisations watch over all bodies and test for them, as the ledger said last: a role in the portal alone opens nothing.
CREATE TABLE offices (
    organisation TEXT NOT NULL,
    -- 'accreditation body' or 'laboratory'.
    office TEXT NOT NULL,
    PRIMARY KEY (organisation, office)
);
CREATE INDEX applications_by_state ON applications (body, state, taken_at);
