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
