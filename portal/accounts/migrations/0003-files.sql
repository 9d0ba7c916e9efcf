-- Files that people uploaded. Their bytes lie in a folder, under these ids.
CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    party TEXT NOT NULL REFERENCES parties (id),
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    -- What the bytes are: 'PDF', 'PNG', 'JPEG', 'XLSX', 'JSON', 'CSV' or 'text'.
    kind TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX files_of_party ON files (party, created_at);
CREATE INDEX files_of_account ON files (account);
