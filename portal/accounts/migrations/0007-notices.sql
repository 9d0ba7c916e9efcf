-- What people are told of, in the portal. Each once: of whatever was told already, nothing is made again.
CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    -- What happened, by its transaction or its day on the ledger.
    event TEXT NOT NULL,
    -- 1 where it says that something waits for somebody: it goes when that was done.
    is_task BIGINT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    -- The page about it.
    link TEXT NOT NULL,
    -- When it happened, and when the portal came to know of it.
    at BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    -- Null until it is read.
    read_at BIGINT
);
CREATE UNIQUE INDEX notices_once ON notices (account, event);
CREATE INDEX notices_unread ON notices (account) WHERE read_at IS NULL;
CREATE INDEX notices_of_event ON notices (event);
CREATE INDEX notices_of_link ON notices (link);
-- Of a mail: the page of the portal, and the certificate, that it names.
ALTER TABLE outbox ADD COLUMN link TEXT;
ALTER TABLE outbox ADD COLUMN certificate TEXT;
