-- What was predicted of runs and what they measured: predictions learn from it. `machine` is the fingerprint of the machine,
-- `subject` names what a prediction was about; the rest repeats the record.
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
