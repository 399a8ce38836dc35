-- One row per evaluation of a model's quality. `record` is the whole record as JSON; the other columns repeat what lists and
-- filters need: `model_sha256` is the digest of the model file, `fingerprint` that of its header; `suite`, `strategy`, `items` and
-- `accuracy` are of the record's main score.
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
) STRICT;

CREATE INDEX evals_by_start ON evals (started_unix_ms, id);

CREATE INDEX evals_by_model ON evals (model_sha256, started_unix_ms);

CREATE INDEX evals_by_fingerprint ON evals (fingerprint, started_unix_ms);
