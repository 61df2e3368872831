import fc from 'fast-check';

/** Properties look at the same values each time, so that a run tells of the code and not of the dice. Another seed: KEYTURN_TEST_SEED=…. */
fc.configureGlobal({ seed: Number(process.env.KEYTURN_TEST_SEED ?? 20_261_124) });

export default fc;
