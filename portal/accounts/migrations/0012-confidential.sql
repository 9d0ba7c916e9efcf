-- The fields of the confidential parts of applications, as their companies keep them: each with its salt, before it is handed in.
CREATE TABLE confidential_fields (
    application TEXT NOT NULL REFERENCES dossiers (id),
    -- 'sha256:' and the hash in hexadecimal, as it stands on the ledger once the field is handed in.
    hash TEXT NOT NULL,
    party TEXT NOT NULL REFERENCES parties (id),
    name TEXT NOT NULL,
    -- The company's secret: application, field, salt and value in canonical JSON. Null once the company removed it from here.
    private TEXT,
    kept_at BIGINT NOT NULL,
    PRIMARY KEY (application, hash),
    UNIQUE (application, name)
);
