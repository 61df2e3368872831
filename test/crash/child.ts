/**
 * The service, or a tool at the machine, in a process that kills itself at one named step. Started by campaign.ts with a `Spec` as its argument; prints
 * one line of JSON for each change that was answered, and `{"counted": …}` where it came to its end alive.
 */
import fs from 'node:fs';
import type { Store } from '../../src/ports/store.ts';
import { arm, counted, disarm, installProbes, type KillPoint, probePostgres, through, wrap } from './probes.ts';
import type { Place } from './support.ts';

installProbes();
const write = fs.writeSync;
// imported only now, so that everything below meets the probes
const [
  { composeService },
  { changeMasterKey },
  { restoreBackup },
  { callOffIn, migrateBetween },
  { storeRandom: random },
  { systemTimers },
  { createLogger },
  { Secret },
  sqlite,
  threads,
  schema,
  leases,
  support,
  { Database },
  { default: pg },
] = await Promise.all([
  import('../../src/compose/service.ts'),
  import('../../src/compose/rekey.ts'),
  import('../../src/compose/restore.ts'),
  import('../../src/compose/migrate.ts'),
  import('../support/sqlite.ts'),
  import('../../src/clock.ts'),
  import('../../src/logger.ts'),
  import('../../src/core/secret.ts'),
  import('../../src/stores/sqlite/sqlite.ts'),
  import('../../src/stores/sqlite/audit/threads.ts'),
  import('../../src/stores/sqlite/audit/schema.ts'),
  import('../../src/stores/sqlite/audit/leases.ts'),
  import('./support.ts'),
  import('../../src/stores/sqlite/database.ts'),
  import('pg'),
]);

wrap(Database.prototype, 'copyTo', () => 'database copyTo');
probePostgres(pg.Client.prototype);

export interface Spec {
  readonly dataDir: string;
  readonly operation: string;
  /** Names the keyring and the reasons of this run. */
  readonly run: string;
  /** Added to the machine's clock, in milliseconds. */
  readonly offset: number;
  readonly recipient: string;
  /** For `restore`: a backup and the text of its recovery key. */
  readonly backup: string;
  readonly recoveryKey: string;
  /** For moves: from where to where. */
  readonly move: { readonly from: Place; readonly to: Place } | null;
  readonly point: KillPoint | null;
}

const spec = JSON.parse(process.argv[2] ?? '') as Spec;
const { dataDir, operation, run, point } = spec;
let { offset } = spec;
const clock = { now: () => Date.now() + offset, uptime: () => Math.floor(performance.now()) };
const surroundings = { clock, timers: systemTimers, random, logger: createLogger('silent') };
const say = (line: object): void => void write(1, `${JSON.stringify(line)}\n`);

if (operation === 'rekey') {
  arm(point);
  const outcome = await changeMasterKey({ clock, random, progress: () => through('rekey progress', () => undefined) });
  say({ operation, masterKeyId: outcome.masterKeyId });
} else if (operation === 'restore') {
  arm(point);
  const request = {
    file: spec.backup,
    recoveryKey: new Secret(spec.recoveryKey),
    since: 'nothing-revoked',
    audit: null,
    keepTokens: true,
  } as const;
  await restoreBackup(request, { clock, random });
  say({ operation });
} else if (operation.startsWith('migrate')) {
  arm(point);
  await move(() => through('migrate progress', () => undefined));
  say({ operation });
} else if (operation === 'call off') {
  await move(interrupt).catch(() => undefined);
  arm(point);
  await callOffIn(support.settingsOf(places().from), surroundings);
  say({ operation });
} else {
  await serve();
}
disarm();
say({ counted: counted() });
process.exit(0);

function move(progress: () => void) {
  const { from, to } = places();
  return migrateBetween(support.settingsOf(from), support.settingsOf(to), surroundings, progress);
}

function places() {
  if (spec.move === null) throw new Error('from where to where?');
  return spec.move;
}

function interrupt(): never {
  throw new Error('after some of it was copied');
}

async function serve(): Promise<void> {
  const foundation = sqlite.openSqlite({ dataDir, masterKey: { from: 'data-folder' }, clock, random });
  const inner = threads.inlineLedger(schema.auditPath(dataDir), foundation.auditKeys, leases.prepareLeases);
  const ledger = {
    ...inner,
    commit: (...[batch, done]: Parameters<typeof inner.commit>) => through('ledger commit', () => inner.commit(batch, done)),
  };
  const settings = support.crashSettings(dataDir, spec.recipient);
  const service = await composeService(settings, surroundings, { ...foundation, store: probed(foundation.store), ledger });
  const call = support.caller(service.app, dataDir);
  const name = `k${run}`;
  const answered = async (payload: { method: 'POST' | 'DELETE' | 'GET'; url: string; payload?: object }, what: object): Promise<void> => {
    const { status, body } = await call(payload);
    if (status >= 300) throw new Error(`${payload.url}: ${status} ${JSON.stringify(body)}`);
    say({ operation, keyring: name, ...what, version: body?.version ?? null });
  };
  const create = (extra: object = {}) =>
    answered({ method: 'POST', url: '/v1/keyrings', payload: { name, reason: `create ${run}`, ...extra } }, { reason: `create ${run}` });
  const rotate = (kind: string) =>
    answered(
      { method: 'POST', url: `/v1/keyrings/${name}/rotate`, payload: { kind, reason: `${kind} ${run}` } },
      { reason: `${kind} ${run}` },
    );

  switch (operation) {
    case 'create':
      arm(point);
      return create();
    case 'import':
      arm(point);
      return create({ key: random.bytes(32).toString('hex') });
    case 'take over':
      arm(point);
      return create({ key: random.bytes(32).toString('hex'), importAs: 'previous' });
    case 'scheduled':
    case 'immediate':
    case 'emergency':
      await create();
      arm(point);
      return rotate(operation);
    case 'revoke': {
      await create();
      arm(point);
      const reason = `revoke ${run}`;
      return answered({ method: 'POST', url: `/v1/keyrings/${name}/versions/1/revoke`, payload: { reason } }, { reason });
    }
    case 'slot':
    case 'destroy':
      await create();
      if (operation === 'destroy') await rotate('immediate');
      offset += support.LEAP[operation];
      arm(point);
      return service.sweep();
    case 'purge':
      await create();
      await answered({ method: 'DELETE', url: `/v1/keyrings/${name}?reason=${run}` }, { reason: run });
      offset += support.LEAP.purge;
      arm(point);
      return service.sweep();
    case 'read':
      await create();
      arm(point);
      for (let count = 0; count < 3; count++) await answered({ method: 'GET', url: `/v1/keyrings/${name}/keys` }, {});
      return;
    case 'backup':
      await create();
      arm(point);
      await call({ method: 'POST', url: '/v1/backup' });
      return;
    default:
      throw new Error(`No operation ${operation}`);
  }
}

/** The store with a step around each method that changes something. */
function probed<Inner extends Store>(inner: Inner): Inner {
  return {
    ...inner,
    swap: (...call) => through('store swap', () => inner.swap(...call)),
    putMaterial: (...call) => through('store putMaterial', () => inner.putMaterial(...call)),
    destroyMaterial: (...call) => through('store destroyMaterial', () => inner.destroyMaterial(...call)),
  };
}
