-- Lists of codes that were checked at once, and what the verifier said then.
CREATE TABLE shipments (
    id TEXT NOT NULL PRIMARY KEY,
    party TEXT NOT NULL REFERENCES parties (id),
    account TEXT NOT NULL REFERENCES accounts (id),
    checked_at BIGINT NOT NULL,
    summary TEXT NOT NULL,
    -- JSON, byte for byte as it was signed.
    document TEXT NOT NULL,
    -- Of the JWS around it; empty where nobody signed it.
    signature TEXT NOT NULL
);
CREATE INDEX shipments_of_party ON shipments (party, checked_at);
CREATE INDEX shipments_of_account ON shipments (account);
