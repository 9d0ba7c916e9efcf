-- What people of organisations, customs first, ask a certification body to open of the confidential part of an application: one field
-- each, with a reason.
CREATE TABLE disclosures (
    id TEXT NOT NULL PRIMARY KEY,
    -- Who asks.
    party TEXT NOT NULL REFERENCES parties (id),
    account TEXT NOT NULL REFERENCES accounts (id),
    -- About which certificate, with its product's name; the application on which it was granted, and the body that has the fields.
    certificate TEXT NOT NULL,
    product TEXT NOT NULL,
    application TEXT NOT NULL,
    body TEXT NOT NULL,
    -- For which field, in the words of who asks: the ledger has no names. And why.
    wanted TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    -- 'asked', 'opened', 'refused' or 'taken back'.
    state TEXT NOT NULL,
    answered_by TEXT REFERENCES accounts (id),
    answered_at BIGINT,
    -- Why it was refused.
    said TEXT NOT NULL,
    -- Of a field that was opened: its place and hash on the ledger, and whether its company was told.
    place BIGINT,
    hash TEXT,
    is_client_told BIGINT,
    -- The field in canonical JSON, until it goes; and when it goes, or went.
    private TEXT,
    ends_at BIGINT
);
CREATE INDEX disclosures_of_party ON disclosures (party, asked_at);
CREATE INDEX disclosures_of_body ON disclosures (body, asked_at);
CREATE INDEX disclosures_here ON disclosures (ends_at) WHERE private IS NOT NULL;
-- The same is asked once at a time.
CREATE UNIQUE INDEX disclosures_once ON disclosures (party, certificate, wanted) WHERE state = 'asked';
