-- Keys that people made in their browsers, and the steps that they signed there. No private key is here.
CREATE TABLE pseudonyms (
    account TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    -- By which the ledger knows the person; random, and the same in each of its certificates.
    pseudonym TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);
CREATE TABLE ledger_keys (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    -- SHA-256 of the public key (SubjectPublicKeyInfo): a key is of one account.
    fingerprint TEXT NOT NULL UNIQUE,
    -- PKCS #10, as PEM.
    request TEXT NOT NULL,
    -- 'requested', 'certified', 'refused', 'replaced' or 'lost'.
    state TEXT NOT NULL,
    -- As PEM.
    certificate TEXT,
    -- Those in the certificate, joined by commas.
    roles TEXT NOT NULL,
    not_after BIGINT,
    requested_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX ledger_keys_of_account ON ledger_keys (account, requested_at);
CREATE TABLE acts (
    -- The page's own random name for it: pressing twice is one act.
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    ledger_key TEXT NOT NULL REFERENCES ledger_keys (id),
    channel TEXT NOT NULL,
    chaincode TEXT NOT NULL,
    -- A JSON list, the function's name first.
    arguments TEXT NOT NULL,
    -- 'prepared', 'endorsed', 'submitted', 'committed' or 'refused'.
    state TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    -- gateway.ProposedTransaction, then gateway.PreparedTransaction with the person's signature once there is one; base64.
    message TEXT NOT NULL,
    -- 1 once the gateway said that the orderer has it.
    ordered BIGINT NOT NULL,
    block BIGINT,
    -- The validation code by its name.
    code TEXT,
    -- Why it was refused.
    problem TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX acts_of_account ON acts (account, created_at);
