import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/clock.ts';
import { inspectMachine } from '../../src/compose/inspect.ts';
import { readFromDisk } from '../../src/config/files.ts';
import { Secret } from '../../src/core/secret.ts';
import { DAY } from '../../src/core/time.ts';
import { keyturn } from '../cli/keyturn.ts';
import { ManualClock } from '../support/clock.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { temporaryFolder } from '../support/sqlite.ts';

const RECIPIENT = `keyturn-recipient-${'A'.repeat(43)}`;
const YEAR_SECONDS = 365 * 86_400;

interface Place {
  readonly folder: string;
  readonly dataDir: string;
}

/** A folder as of a machine, with this configuration in it. */
function place(t: Parameters<typeof temporaryFolder>[0], yaml: string): Place {
  const folder = temporaryFolder(t);
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(folder, 'keyturn.yaml'), yaml);
  return { folder, dataDir };
}

/** Starts the real service on a port; its clock stands unless the test moves it. */
async function serve(t: Parameters<typeof startTestService>[0], { dataDir }: Place, now: number): Promise<TestService> {
  const service = await startTestService(t, { dataDir, clock: new ManualClock(now) });
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  await service.pass(0);
  return service;
}

/** What `keyturn doctor --json` says of it on its own machine. */
async function examine({ app }: TestService, { folder }: Place, token: string) {
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const surroundings = { env: {}, cwd: folder, read: readFromDisk };
  const refuse = () => Promise.reject(new Error('It only looks.'));
  const atMachine = async () => ({
    inspect: async () => inspectMachine(surroundings, systemClock.now()),
    rekey: refuse,
    restore: refuse,
    migrate: refuse,
    callOffMigration: refuse,
  });
  const { exit, out, err } = await keyturn(['doctor', '--json'], {}, { url, token: new Secret(token), clock: systemClock, atMachine });
  if (out === '') throw new Error(err);
  const report: { findings: { id: string; severity: string; subject: string }[]; unseen: unknown[]; clean: boolean } = JSON.parse(out);
  return { exit, ...report, ids: report.findings.map(({ id, severity }) => `${severity} ${id}`).toSorted() };
}

async function issue(service: TestService, by: string, name: string, roles: readonly string[], rest: object = {}) {
  const payload = { name, roles, expiresInSeconds: YEAR_SECONDS, ...rest };
  return (await service.call({ method: 'POST', url: '/v1/tokens', payload, token: by })).body;
}

const read = (service: TestService, name: string, token: string, headers = {}) =>
  service.call({ url: `/v1/keyrings/${name}/keys`, token, headers });

t.test('a fresh service that is set up as the docs say has a clean bill', async (t) => {
  const where = place(t, `backup: { recipient: ${RECIPIENT} }\nlimits: { connections: 100 }\n`);
  const service = await serve(t, where, systemClock.now());
  const fresh = await examine(service, where, service.admin);
  t.equal(fresh.exit, 1);
  t.same(
    fresh.ids.filter((id) => /^(?:warning|critical)/.test(id)),
    ['warning files.admin-token'],
  );
  const first = await issue(service, service.admin, 'platform team', ['operator', 'auditor', 'admin']);
  await issue(service, service.admin, 'second admin', ['admin']);
  const app = await issue(service, service.admin, 'web servers', ['app'], { keyrings: ['web'] });
  const { body } = await service.call({ url: '/v1/tokens' });
  const { id } = body.items.find((token: { name: string }) => token.name === 'bootstrap');
  await service.call({ method: 'DELETE', url: `/v1/tokens/${id}`, payload: { reason: 'replaced' }, token: first.token });
  rmSync(join(where.dataDir, 'admin.token'));
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' }, token: first.token });
  await read(service, 'web', app.token, { 'Keyturn-Instance': 'web-1' });
  const { exit, ids, unseen, clean } = await examine(service, where, first.token);
  t.same([exit, clean, unseen], [0, true, []]);
  t.same(ids, [
    'advice files.master-key-beside-data',
    'ok audit.ok',
    'ok configuration.ok',
    'ok instances.ok',
    'ok keyrings.ok',
    'ok service.ok',
    'ok tokens.ok',
  ]);
  t.match((await examine(service, where, app.token)).unseen, [{ what: 'keyrings and instances' }, { what: 'tokens' }]);
});

t.test('a service whose process may open fewer files than it takes connections is told so', async (t) => {
  const where = place(t, 'limits: { connections: 1000000 }\n');
  const service = await serve(t, where, systemClock.now());
  const { text } = await service.call({ url: '/metrics' });
  const [, files = '9999999'] = /^process_max_fds (\d+)$/m.exec(text) ?? [];
  const { ids } = await examine(service, where, service.admin);
  t.equal(ids.includes('warning config.open-files'), Number(files) <= 1_000_000);
});

t.test('a service that nobody has looked after is told what is wrong with it', async (t) => {
  const where = place(t, 'host: 0.0.0.0\ntrustProxy: true\nlimits: { connections: 100 }\n');
  const past = await serve(t, where, systemClock.now() - 800 * DAY);
  const { admin } = past;
  const policy = { schedule: null };
  await past.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'old', policy } });
  await past.service.stop();

  const service = await serve(t, where, systemClock.now());
  const create = (payload: object) => service.call({ method: 'POST', url: '/v1/keyrings', payload, token: admin });
  await create({ name: 'hasty', policy: { ...policy, leaseSeconds: 100, refreshSeconds: 50 } });
  await create({
    name: 'taken',
    policy,
    key: '2653d7b9a0c1e4f8c41d7b9ae05f8362d94be7130c5fa826d17b3e90a4c85f62',
  });
  await create({ name: 'weak', policy, key: 'you-will-never-guess', importAs: 'previous', acceptWeak: true, reason: 'test' });
  const both = await issue(service, admin, 'do all', ['app', 'operator'], { expiresInSeconds: null });
  await read(service, 'hasty', both.token);
  chmodSync(join(where.dataDir, 'keyturn.db'), 0o644);
  const { exit, ids, findings } = await examine(service, where, admin);
  t.equal(exit, 1);
  t.same(
    ids,
    [
      'advice fleet.anonymous',
      'advice files.master-key-beside-data',
      'advice keyring.imported',
      'advice keyring.short-lease',
      'advice service.docs-open',
      'advice service.metrics-open',
      'advice token.app-without-expiry',
      'advice tokens.one-admin',
      'critical files.open',
      'critical keyring.signs-too-long',
      'warning audit.old-checkpoint',
      'warning config.no-backup',
      'warning config.plain-listener',
      'warning config.trusts-anybody',
      'warning files.admin-token',
      'warning keyring.few-refreshes',
      'warning keyring.weak',
      'warning token.app-everything',
      'warning token.bootstrap',
      'warning token.operator-and-app',
    ].toSorted(),
  );
  t.match(
    findings.find(({ id }) => id === 'keyring.signs-too-long'),
    { subject: 'keyring old' },
  );
  await service.call({ url: '/v1/audit/checkpoint', token: admin });
  t.notOk((await examine(service, where, admin)).ids.includes('warning audit.old-checkpoint'));
});
