-- What is decided here and there, on its way to a certificate. Nothing here decides: the decision, the document and the grant stand
-- on the ledger, and a row that is lost is made anew from there.
CREATE TABLE grants (
    body TEXT NOT NULL,
    application TEXT NOT NULL,
    -- How many steps the application had with its decision: one that is taken anew has more.
    decision BIGINT NOT NULL,
    -- 'waiting', 'granted', 'ended', or 'left' to others.
    state TEXT NOT NULL,
    -- What is done next, or was done last: 'document', 'signature', 'grant'.
    step TEXT NOT NULL,
    tries BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    -- Why it waits or ended.
    said TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    transaction_id TEXT,
    block BIGINT,
    PRIMARY KEY (body, application)
);
CREATE INDEX grants_by_state ON grants (body, state, due_at);
