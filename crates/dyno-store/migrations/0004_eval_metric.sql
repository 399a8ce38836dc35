-- What the main score of an evaluation is: `accuracy`, `f1`, `judge` and so on. Rows of before are of accuracy, the only one there was.
ALTER TABLE evals ADD COLUMN metric TEXT;

UPDATE evals SET metric = 'accuracy' WHERE accuracy IS NOT NULL;
