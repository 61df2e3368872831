import t from 'tap';
import { LeasesDue } from '../../src/audit/leases-due.ts';
import { NamedHolders } from '../../src/audit/named-holders.ts';
import { GRANTED, grant, holding, LEASE } from '../support/leases.ts';

const document = holding(1);
const named = (instance: string, fields = {}) => grant(document, true, { instance, ...fields });
const asRecorded = (due: LeasesDue, ...grants: Parameters<LeasesDue['select']>[0]) =>
  due.select(grants).map(({ instance, session, acknowledged }) => [instance, session, acknowledged !== null]);

t.test('beyond so many names of one token, callers are recorded as those without a name', async (t) => {
  const due = new LeasesDue(new NamedHolders(2));
  const [one, two] = [
    ['one', 'p1', true],
    ['two', 'p1', true],
  ];
  t.same(asRecorded(due, named('one'), named('two')), [one, two]);
  t.same(asRecorded(due, named('three'), named('four')), [[null, null, false]], 'together, in one row');
  t.same(asRecorded(due, named('one', { at: GRANTED + 1_000 })), [one], 'who is known stays known');
  t.same(asRecorded(due, named('five', { keyring: 'shop' })), [[null, null, false]], 'the names on all keyrings are counted');
  t.same(asRecorded(due, named('five', { principal: 'token:b' })), [['five', 'p1', true]], 'another token has its own');
});

t.test('a name has room again when the lease of the one that asked longest ago has ended', async (t) => {
  const due = new LeasesDue(new NamedHolders(2));
  due.select([named('one'), named('two'), named('one', { at: GRANTED + 1_000 })]);
  t.same(asRecorded(due, named('three', { at: GRANTED + LEASE })), [[null, null, false]], 'to the end of the lease, which is in use');
  t.same(asRecorded(due, named('three', { at: GRANTED + LEASE + 1 })), [['three', 'p1', true]]);
  t.same(asRecorded(due, named('four', { at: GRANTED + LEASE + 2 })), [[null, null, false]], 'the first one asked again since');
});

t.test('what is durable covers the grants that follow, and their commits need not hear of them', async (t) => {
  const due = new LeasesDue();
  const [first, soon] = [named('one'), named('one', { at: GRANTED + 10 })];
  t.same(due.ask(first), { endedBefore: null, due: true });
  t.equal(due.ask(soon).due, true, 'nothing is durable yet');
  due.settle(2, due.select([first, soon]));
  t.same(due.ask(soon), { endedBefore: null, due: false });
  t.equal(due.ask(named('one', { at: GRANTED + 3_000 })).due, true, 'it would end later than what is written');
  t.equal(due.ask(named('two')).due, true, 'nobody is covered by what another holds');
});

t.test('a grant behind one that is on its way is judged when its turn comes', async (t) => {
  const due = new LeasesDue();
  const known = named('one');
  due.ask(known);
  due.settle(1, due.select([known]));
  const showsLess = grant(document, false, { instance: 'one' });
  t.equal(due.ask(showsLess).due, true);
  t.equal(due.ask(known).due, true, 'covered by what is durable, but not by what will be');
  t.equal(due.select([showsLess, known]).length, 2, 'both are written, in their order');
  due.settle(2, []);
  t.equal(due.ask(known).due, false, 'their commit failed: what was durable still is');
});

t.test('in a batch a grant is covered by the last one of its holder, not by one before that', async (t) => {
  const due = new LeasesDue();
  const [holds, showsLess] = [named('one'), grant(document, false, { instance: 'one' })];
  const batch = [showsLess, holds, holds, showsLess, named('two'), showsLess];
  for (const each of batch) t.ok(due.ask(each).due);
  t.same(asRecorded(due, ...batch), [
    ['one', 'p1', false],
    ['one', 'p1', true],
    ['one', 'p1', false],
    ['two', 'p1', true],
  ]);
});

t.test('a lease that was over is told of', async (t) => {
  const due = new LeasesDue();
  const known = named('one');
  due.ask(known);
  due.settle(1, due.select([known]));
  t.equal(due.ask(named('one', { at: known.until })).endedBefore, null);
  t.equal(due.ask(named('one', { at: known.until + 1 })).endedBefore, known.until);
});
