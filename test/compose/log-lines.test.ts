import pino from 'pino';
import t from 'tap';
import { logShortSkew } from '../../src/compose/log-lines.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import { named } from '../stores/keyrings.ts';

/** How many lines the log has of policies with these skews: the first is that of new keyrings. */
function warnings(kind: string, ...skews: readonly number[]): number {
  let lines = 0;
  const logger = pino({}, { write: () => void lines++ });
  const [defaults = DEFAULT_POLICY, ...declared] = skews.map((skewSeconds) => ({ ...DEFAULT_POLICY, skewSeconds }));
  logShortSkew(logger, kind, { defaults, keyrings: declared.map((policy) => ({ name: named('web'), policy, imported: null })) });
  return lines;
}

t.test('a skew that is shorter than twice the slowest change is warned of at the start, by the kind of store', async (t) => {
  t.equal(warnings('aws', 30), 1);
  t.equal(warnings('aws', 60, 90, 59), 1);
  t.equal(warnings('aws', 60, 60), 0);
  t.equal(warnings('vault', 27), 1);
  t.equal(warnings('vault', 28), 0);
  t.equal(warnings('postgres', 19), 1);
  t.equal(warnings('postgres', 20), 0);
  t.equal(warnings('sqlite', 0), 0);
});
