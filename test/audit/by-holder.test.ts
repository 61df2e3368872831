import t from 'tap';
import { ByHolder } from '../../src/audit/by-holder.ts';
import { grant, holding } from '../support/leases.ts';

const named = (instance: string | null, fields = {}) => grant(holding(1), true, { instance, ...fields });

t.test('a holder is a keyring, a token and an instance, also one without a name', async (t) => {
  const values = new ByHolder<string>(100);
  const holders = [named('a'), named('b'), named(null), named('a', { keyring: 'shop' }), named('a', { principal: 'token:b' })];
  for (const [index, holder] of holders.entries()) values.set(holder, `value ${index}`);
  t.same(
    holders.map((holder) => values.get(holder)),
    ['value 0', 'value 1', 'value 2', 'value 3', 'value 4'],
  );
  t.equal(values.get(named('c')), undefined);
  values.set(named('a'), 'another');
  t.equal(values.get(named('a', { session: 'p2' })), 'another', 'whatever else the grant says');
});

t.test('at least half of the holders that were set last are remembered, and no more than all', async (t) => {
  const values = new ByHolder<number>(10);
  for (let index = 0; index < 23; index++) values.set(named(`i${index}`), index);
  const known = Array.from({ length: 23 }, (_, index) => index).filter((index) => values.get(named(`i${index}`)) === index);
  t.ok(known.length >= 5 && known.length <= 10, `${known.length}`);
  t.same(
    known,
    [...known.keys()].map((index) => 23 - known.length + index),
    'the last ones',
  );
  for (let round = 0; round < 100; round++) values.set(named('same'), round);
  t.equal(values.get(named('i22')), 22, 'setting one again makes nobody forgotten');
});
