-- Requests of the partner API with an `Idempotency-Key`, and what was answered: the same request is answered the same, and done once.
CREATE TABLE answered_requests (
    party TEXT NOT NULL REFERENCES parties (id),
    -- The client's own.
    idempotency_key TEXT NOT NULL,
    -- SHA-256 of method, path and body.
    request TEXT NOT NULL,
    -- Of who answers it now: whoever takes over a request that was cut off has another one.
    run TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    -- Null until it is answered, in the change that it makes.
    status BIGINT,
    location TEXT,
    body TEXT,
    PRIMARY KEY (party, idempotency_key)
);
CREATE INDEX answered_requests_by_time ON answered_requests (began_at);
