-- Applications that have no company here, as the database that knew it is lost: which company brought the newest dossier's file. It
-- opens nothing until an administrator of the body has confirmed it; then the row is gone, and the dossier is there again.
CREATE TABLE claims (
    -- Its id on the ledger: one claim at a time.
    application TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    party TEXT NOT NULL REFERENCES parties (id),
    account TEXT NOT NULL REFERENCES accounts (id),
    -- The dossier, as it is hashed.
    content TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX claims_of_body ON claims (body, at);
CREATE INDEX claims_of_party ON claims (party, at);
