import t from 'tap';
import { Endings } from '../../src/audit/endings.ts';
import type { KeyringName } from '../../src/core/name.ts';
import type { Version } from '../../src/core/version.ts';
import type { AuditEvent } from '../../src/ports/journal.ts';
import { event } from './fixture.ts';

const WEB = 'web' as KeyringName;

/** Which of the first six versions ended, and what else is known, after these records. */
function told(...events: Partial<AuditEvent>[]) {
  const endings = new Endings(2);
  for (const [index, changes] of events.entries()) endings.take({ ...event(changes), sequence: index + 1 });
  const { ended, highest, isLast, purged } = endings.tombstonesOf(WEB);
  t.notOk(isLast, 'a log never tells that it goes to the end of the service');
  const numbers = [1, 2, 3, 4, 5, 6].filter((version) => ended({ version } as Version));
  return { ended: numbers, highest, purged };
}

t.test('a revocation ends the version that it names first, and tells of the one that was made for it', async (t) => {
  t.same(told({ action: 'version.revoke', versions: [2, 4] }), { ended: [2], highest: 4, purged: false });
});

t.test('an emergency rotation and a restore end all but the version that they made', async (t) => {
  t.same(told({ action: 'keyring.rotate', versions: [5, 3, 4] }), { ended: [3, 4], highest: 5, purged: false });
  t.same(told({ action: 'backup.restore', versions: [5, 3] }), { ended: [3], highest: 5, purged: false });
});

t.test('other rotations and reads end nothing, and tell how far the numbers went', async (t) => {
  t.same(told({ action: 'keyring.rotate', versions: [3] }, { action: 'keys.read', outcome: 'unchanged', versions: [3, 2, 6] }), {
    ended: [],
    highest: 6,
    purged: false,
  });
});

t.test('destruction ends every version that it names, a purge the keyring', async (t) => {
  t.same(told({ action: 'material.destroy', versions: [1, 2] }, { action: 'keyring.purge', versions: [] }), {
    ended: [1, 2],
    highest: 2,
    purged: true,
  });
});

t.test('what was refused or failed did not happen', async (t) => {
  t.same(
    told({ action: 'version.revoke', outcome: 'refused', versions: [2] }, { action: 'version.revoke', outcome: 'failed', versions: [3] }),
    {
      ended: [],
      highest: 0,
      purged: false,
    },
  );
});

t.test('a change whose record a crash has swallowed may have ended anything, unless the backup holds it', async (t) => {
  const swallowed = { action: 'keyring.change', versions: [], reason: 'recovered', requestId: null } as const;
  t.same(told(swallowed), { ended: [], highest: 0, purged: false }, 'record 1: before the backup');
  t.same(told({}, {}, swallowed), { ended: [1, 2, 3, 4, 5, 6], highest: 2, purged: false });
  t.same(told({}, {}, { ...swallowed, requestId: 'a-1' }).ended, [], 'somebody gave that reason');
});

t.test('of a keyring that no record names nothing ended', async (t) => {
  t.same(told({ keyring: 'api' as KeyringName, action: 'material.destroy', versions: [1] }), { ended: [], highest: 0, purged: false });
});
