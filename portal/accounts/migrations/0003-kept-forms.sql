-- Forms that arrived after the session had ended, kept for a while for who typed them.
CREATE TABLE kept_forms (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    -- Where the form was sent to.
    path TEXT NOT NULL,
    -- Names and values, as JSON. Never a password.
    fields TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX kept_forms_of_account ON kept_forms (account, expires_at);
