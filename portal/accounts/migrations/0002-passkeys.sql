-- Passkeys, by which people prove who they are with a key that stays in their own device.
CREATE TABLE passkeys (
    -- The credential's own id, in hexadecimal: one credential is of one account.
    credential TEXT NOT NULL PRIMARY KEY,
    -- By which its owner names it to the portal.
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    -- In COSE, in hexadecimal.
    public_key TEXT NOT NULL,
    -- How a browser reaches the authenticator, by WebAuthn's names with spaces between.
    transports TEXT NOT NULL,
    -- How often it has signed, where it counts.
    counter BIGINT NOT NULL,
    -- 1 where the authenticator may have copies of it elsewhere.
    may_be_copied BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX passkeys_of_account ON passkeys (account);
-- What a browser was asked to sign, until it answers: once, and within five minutes.
CREATE TABLE challenges (
    challenge TEXT NOT NULL PRIMARY KEY,
    -- 'register' or 'login'.
    purpose TEXT NOT NULL,
    -- SHA-256 of the form token: of the browser and its session.
    browser TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
-- 1 where the session began with a passkey. Sessions of organisations' people may do nothing else before.
ALTER TABLE sessions ADD COLUMN by_passkey BIGINT NOT NULL DEFAULT 0;
