import t from 'tap';
import { createKeyring } from '../../src/app/keyrings.ts';
import { recordForgotten } from '../../src/app/reconcile.ts';
import { rotateKeyring } from '../../src/app/rotations.ts';
import type { AuditEvent, Journal } from '../../src/ports/journal.ts';
import { ManualClock } from '../support/clock.ts';
import { openTestSqlite } from '../support/sqlite.ts';
import { asked, POLICY, replicaOn, START, stored, WEB } from './fixture.ts';

/** A journal that takes every change, and what it took. */
function taking(): { readonly journal: Journal; readonly events: AuditEvent[] } {
  const events: AuditEvent[] = [];
  const journal: Journal = {
    healthy: true,
    append: (_event, _lease, done) => done(null),
    appendChange(event, _changedAt, done) {
      events.push(event);
      done(null);
    },
    probe: (done) => done(null),
    passOver: () => undefined,
  };
  return { journal, events };
}

t.test('a change that the log knows is not read again, and one that it does not know gets its record', async (t) => {
  const clock = new ManualClock(START);
  const { store } = openTestSqlite(t, { clock });
  const ours = replicaOn(store, clock);
  await createKeyring(ours.deps, {}, { name: WEB, policy: POLICY, key: null, ...asked });
  const recorded = [{ keyring: WEB, changedAt: (await stored(ours)).changed.at }];
  const loads: string[] = [];
  const load = (...call: Parameters<typeof store.load>) => {
    loads.push(call[0]);
    return store.load(...call);
  };
  const watched = { ...store, load };
  const { journal, events } = taking();
  t.equal(await recordForgotten({ store: watched, journal, recorded, before: Number.POSITIVE_INFINITY }), 0);
  t.same(loads, []);
  await clock.advance(1);
  await rotateKeyring(ours.deps, 'immediate', { name: WEB, idempotencyKey: null, ...asked });
  t.equal(await recordForgotten({ store: watched, journal, recorded, before: Number.POSITIVE_INFINITY }), 1);
  t.match(events, [{ action: 'keyring.change', keyring: WEB, reason: 'recovered', at: START + 1 }]);
});

t.test('a document that is not readable is passed over and hides no other', async (t) => {
  const clock = new ManualClock(START);
  const { store, database } = openTestSqlite(t, { clock });
  const ours = replicaOn(store, clock);
  await createKeyring(ours.deps, {}, { name: WEB, policy: POLICY, key: null, ...asked });
  database.exec("INSERT INTO keyrings VALUES ('aaa', 'r', 999, NULL, 'no json'), ('bbb', 's', 1000, NULL, '{}')");
  const { journal, events } = taking();
  t.equal(await recordForgotten({ store, journal, recorded: [], before: Number.POSITIVE_INFINITY }), 1);
  t.match(events, [{ keyring: WEB }]);
});
