/** A checkpoint is made by itself when the log has grown by so many records, or passes a multiple of it. */
export const RECORDS_BETWEEN_CHECKPOINTS = 100_000;

/**
 * The log keeps so many of its newest checkpoints; of older ones the last of each run of `RECORDS_BETWEEN_CHECKPOINTS` record numbers. Nothing that a
 * checkpoint proves goes with it: the hash of a later one covers every record that an earlier one covers.
 */
export const NEWEST_CHECKPOINTS = 100;
