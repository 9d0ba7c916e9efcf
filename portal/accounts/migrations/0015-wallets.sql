-- Wallets: keys of other networks, by which people of companies log in; and programs that act for who has one.
CREATE TABLE wallets (
    -- 'eip155:' or 'sui:' and the address in its one spelling: a wallet is of one account.
    address TEXT NOT NULL PRIMARY KEY,
    -- By which its owner names it to the portal.
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX wallets_of_account ON wallets (account);
-- What a wallet was asked to sign, until it answers: once, and within five minutes.
CREATE TABLE wallet_nonces (
    -- SHA-256 of the nonce.
    nonce TEXT NOT NULL PRIMARY KEY,
    -- 'login', 'link' or 'client'.
    purpose TEXT NOT NULL,
    -- SHA-256 of the form token, of the browser and its session; of a client, of the domain that it asks for.
    holder TEXT NOT NULL,
    -- The site whose page asks the wallet.
    domain TEXT NOT NULL,
    -- By its CAIP-2 name.
    chain TEXT NOT NULL,
    address TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
-- A wallet that was shown and is of no account, until its browser registers with it.
CREATE TABLE shown_wallets (
    -- SHA-256 of what the page holds.
    secret TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the form token.
    browser TEXT NOT NULL,
    -- As in `wallets`.
    address TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
-- Of a registration with a wallet: the wallet, and the browser that showed it (SHA-256 of its form token). No other browser links it.
ALTER TABLE links ADD COLUMN wallet TEXT;
ALTER TABLE links ADD COLUMN browser TEXT;
-- The sessions of programs: one refresh token at a time, and one access token.
CREATE TABLE client_sessions (
    -- By which its owner names it.
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    -- SHA-256 of what all its refresh tokens begin with, by which one that was used is known.
    family TEXT NOT NULL UNIQUE,
    -- SHA-256 of the newest tokens.
    refresh TEXT NOT NULL,
    access TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    access_until BIGINT NOT NULL,
    refresh_until BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX client_sessions_of_account ON client_sessions (account);
