import t from 'tap';
import { earliest, toIso } from '../../src/core/time.ts';

t.test('instants leave as RFC 3339 in UTC with milliseconds', async (t) => {
  t.equal(toIso(0), '1970-01-01T00:00:00.000Z');
  t.equal(toIso(1_768_472_430_457), '2026-01-15T10:20:30.457Z');
});

t.test('the earliest of many, of one and of none', async (t) => {
  t.equal(earliest([3, 1, 2]), 1);
  t.equal(earliest(new Set([5])), 5);
  t.equal(earliest([0, -1]), -1);
  t.equal(earliest([]), null);
});
