-- Who of a body has an application in hand. It is a note among colleagues: who may take which step, the ledger says.
CREATE TABLE assignments (
    body TEXT NOT NULL,
    application TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES accounts (id),
    assigned_at BIGINT NOT NULL,
    PRIMARY KEY (body, application)
);
CREATE INDEX assignments_of_account ON assignments (account);
