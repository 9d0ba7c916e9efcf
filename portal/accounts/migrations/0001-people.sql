-- People, what they may do, and what they did. Both databases read this file: times are seconds since 1970, ids are random
-- and in hexadecimal, and of secrets only hashes lie here.
CREATE TABLE parties (
    -- An organisation's MSP id, or a company's random one.
    id TEXT NOT NULL PRIMARY KEY,
    -- 'organisation' or 'company'.
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    party TEXT NOT NULL REFERENCES parties (id),
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- Argon2id, as a PHC string.
    password TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Null while it may log in.
    disabled_at BIGINT
);
CREATE INDEX accounts_of_party ON accounts (party, email);
CREATE TABLE roles (
    account TEXT NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (account, role)
);
CREATE TABLE sessions (
    -- SHA-256 of what the cookie holds.
    secret TEXT NOT NULL PRIMARY KEY,
    -- By which its owner names it.
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts (id),
    browser TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_of_account ON sessions (account);
CREATE TABLE links (
    -- SHA-256 of what the link holds.
    secret TEXT NOT NULL PRIMARY KEY,
    -- 'register', 'invite', 'recover' or 'email'.
    purpose TEXT NOT NULL,
    -- Whose it is; of an invitation, who sent it (null: the command line). Null for who registers: an account is made when
    -- its address is proven, not before.
    account TEXT REFERENCES accounts (id),
    -- The address that it proves.
    email TEXT NOT NULL,
    -- Of a registration: what was typed.
    name TEXT,
    company TEXT,
    -- Of an invitation: where to, and as what.
    party TEXT REFERENCES parties (id),
    role TEXT,
    expires_at BIGINT NOT NULL
);
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    -- When it may be tried next; null once it is sent.
    due_at BIGINT
);
CREATE INDEX outbox_due ON outbox (due_at);
CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    -- Whose people may read it; empty: the operator's alone.
    party TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    address TEXT NOT NULL,
    result TEXT NOT NULL,
    -- SHA-256 over the hash of the entry before and all of the above.
    hash TEXT NOT NULL
);
CREATE INDEX audit_of_party ON audit (party, seq);
-- One row: the newest entry of the log. Each change of the database takes its lock first, so changes come one after another.
CREATE TABLE audit_head (
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (seq, hash) VALUES (0, '');
