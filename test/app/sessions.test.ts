import t from 'tap';
import { leaseOf, sessionNames, shownIn, tagFor } from '../../src/app/sessions.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import type { PrincipalId } from '../../src/core/version.ts';
import type { InstanceId, SessionId } from '../../src/ports/leases.ts';
import { GRANTED, holding } from '../support/leases.ts';
import { seededRandom } from '../support/random.ts';

const session = 'p-1' as SessionId;
const keys = { name: parseKeyringName('web'), etag: '"change1.1.0.0"', holding: holding(1) };
const caller = { instance: 'web-1' as InstanceId, principal: 'token:a' as PrincipalId, address: '10.0.0.1' };
const draw = () => 'drawn' as SessionId;
const leaseFor = (tags: readonly string[], of: typeof caller | (Omit<typeof caller, 'instance'> & { instance: null }) = caller) =>
  leaseOf({ keys, leaseSeconds: 60 }, of, shownIn(tags), draw, GRANTED);

t.test('the tag of a named instance carries its session; without a name it is the tag of the key set', async (t) => {
  t.equal(tagFor(keys, session), '"change1.1.0.0.p-1"');
  t.equal(tagFor(keys, null), keys.etag);
  t.same(shownIn(['"change1.1.0.0.p-1"']), { etag: keys.etag, session });
  t.same(shownIn([keys.etag]), { etag: keys.etag, session: null });
});

t.test('a list of tags, or one that is not ours, shows nothing', async (t) => {
  for (const tags of [[], [keys.etag, '"change2.1.0.0.p-1"'], ['"7"'], ['"change1.1.0.0.p-1.x"'], ['"change1.1.0"'], ['"a.1.0.0.p 1"']]) {
    t.equal(shownIn(tags), null, tags.join());
  }
});

t.test('who shows the tag of its own session acknowledges; who shows nothing begins a session', async (t) => {
  t.match(leaseFor(['"change1.1.0.0.p-1"']), { session, acknowledged: keys.holding, offered: keys.holding, until: GRANTED + 60_000 });
  t.match(leaseFor([]), { session: 'drawn', acknowledged: null });
});

t.test('a tag of the same document in other roles acknowledges, one of another document keeps the session only', async (t) => {
  t.match(leaseFor(['"change1.2.0.1.p-1"']), { session, acknowledged: keys.holding });
  t.match(leaseFor(['"change12.1.0.0.p-1"']), { session, acknowledged: null });
});

t.test('a tag without a session, as a caller without a name was given it, acknowledges nothing', async (t) => {
  t.match(leaseFor([keys.etag]), { session: 'drawn', acknowledged: null });
});

t.test('a caller without a name has no session and acknowledges nothing', async (t) => {
  t.match(leaseFor(['"change1.1.0.0.p-1"'], { ...caller, instance: null }), { instance: null, session: null, acknowledged: null });
});

t.test('sessions are drawn once each, and differ between processes of the service', async (t) => {
  const [one, other] = [sessionNames(seededRandom('one')), sessionNames(seededRandom('other'))];
  const drawn = [one(), one(), other(), other()];
  t.equal(new Set(drawn).size, 4);
  for (const name of drawn) t.same(shownIn([tagFor(keys, name)]), { etag: keys.etag, session: name });
});
