-- Keys by which programs of companies use the partner API.
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    party TEXT NOT NULL REFERENCES parties (id),
    -- The owner who made it: it ends when that one is no owner any more.
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    -- What stands in front of the secret: by it people and logs name the key.
    prefix TEXT NOT NULL UNIQUE,
    -- SHA-256 of the whole key.
    secret TEXT NOT NULL,
    -- With spaces between.
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    ended_at BIGINT,
    -- The key whose place it takes.
    follows TEXT REFERENCES api_keys (id)
);
CREATE INDEX api_keys_of_party ON api_keys (party, created_at);
-- A key is rotated once.
CREATE UNIQUE INDEX api_keys_following ON api_keys (follows) WHERE follows IS NOT NULL;
