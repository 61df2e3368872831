import t from 'tap';
import type { Snapshot } from '../../../clients/node/src/index.ts';
import { KeysService, openTestKeyring } from './keys-service.ts';
import { failure } from './observed.ts';

const shown = (service: KeysService) => service.asked.map(({ headers }) => headers['if-none-match'] ?? null);

t.test('the service is shown the keys in use, not those that the application has still to take', async (t) => {
  const service = await KeysService.start(t);
  let inUse: Snapshot | null = null;
  const keys = await openTestKeyring(t, service, { isInUse: (snapshot) => snapshot === inUse });
  const before = service.etag;
  inUse = keys.snapshot();
  service.publish();
  const first = await keys.refresh();
  const told: (Snapshot | null)[] = [];
  keys.onChange((snapshot) => told.push(snapshot));
  const second = await keys.refresh();
  t.equal(second, first, 'the same answer again is no change');
  t.same(told, []);
  inUse = second;
  await keys.refresh();
  await keys.refresh();
  t.same(shown(service), [null, before, before, service.etag, service.etag]);
});

t.test('a 304 for keys that are not the newest renews nothing', async (t) => {
  const service = await KeysService.start(t);
  let inUse: Snapshot | null = null;
  const keys = await openTestKeyring(t, service, { isInUse: (snapshot) => snapshot === inUse });
  inUse = keys.snapshot();
  service.publish();
  await keys.refresh();
  const { lease } = keys;
  service.next = null;
  t.equal(await failure(keys.refresh()), 'stale_answer');
  t.equal(keys.lease, lease);
});
