-- The schema after all migrations, for reading; a test keeps it equal to what the migrations make.
CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL,
    schema TEXT NOT NULL,
    started_unix_ms INTEGER NOT NULL,
    model TEXT NOT NULL,
    reference TEXT NOT NULL,
    quantization TEXT NOT NULL,
    machine TEXT NOT NULL,
    decode_tps REAL,
    prefill_tps REAL,
    ttft_ms REAL,
    rss_peak_bytes REAL,
    valid INTEGER NOT NULL CHECK (valid IN (0, 1)),
    record TEXT NOT NULL
) STRICT;

CREATE INDEX runs_by_start ON runs (started_unix_ms, id);

CREATE TABLE ledger (
    run TEXT NOT NULL REFERENCES runs (id),
    machine TEXT NOT NULL,
    subject TEXT NOT NULL,
    metric TEXT NOT NULL,
    raw REAL NOT NULL,
    predicted REAL NOT NULL,
    low REAL,
    high REAL,
    measured REAL NOT NULL,
    PRIMARY KEY (run, metric)
) STRICT;

CREATE INDEX ledger_by_machine ON ledger (machine, metric);

CREATE TABLE evals (
    id TEXT PRIMARY KEY NOT NULL,
    schema TEXT NOT NULL,
    started_unix_ms INTEGER NOT NULL,
    model TEXT NOT NULL,
    reference TEXT NOT NULL,
    quantization TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    machine TEXT NOT NULL,
    results INTEGER NOT NULL,
    suite TEXT,
    strategy TEXT,
    items INTEGER,
    accuracy REAL,
    ppl REAL,
    kld_mean REAL,
    valid INTEGER NOT NULL CHECK (valid IN (0, 1)),
    record TEXT NOT NULL
, metric TEXT) STRICT;

CREATE INDEX evals_by_start ON evals (started_unix_ms, id);

CREATE INDEX evals_by_model ON evals (model_sha256, started_unix_ms);

CREATE INDEX evals_by_fingerprint ON evals (fingerprint, started_unix_ms);
