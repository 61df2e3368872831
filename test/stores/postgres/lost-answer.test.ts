import { createConnection, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { SECOND } from '../../../src/core/time.ts';
import { ManualClock } from '../../support/clock.ts';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema } from '../../support/postgres-store.ts';
import { adminOf, startReplica } from '../../support/replicas.ts';
import { START } from '../../support/service.ts';

t.test('a change whose COMMIT was done and never answered is in the log once', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const cut = await commitCutter(t, server.port);
  const clock = new ManualClock(START);
  const replica = await startReplica(t, server, { schema: freshSchema(), clock, port: cut.port });
  const token = adminOf([replica]);
  await replica.call({ method: 'POST', url: '/v1/keyrings', token, payload: { name: 'web' } });
  cut.arm();
  const rotated = await replica.call({
    method: 'POST',
    url: '/v1/keyrings/web/rotate',
    token,
    payload: { kind: 'immediate', reason: 'one' },
  });
  t.equal(rotated.status, 503);
  t.equal(cut.count(), 1);
  const log = async (query: string) => (await replica.call({ url: `/v1/audit?order=oldest&limit=1000${query}`, token })).body.items;
  for (let tries = 0; tries < 100; tries++) {
    await clock.advance(SECOND);
    const readiness = await replica.call({ url: '/readyz', token });
    if (readiness.status === 200 && readiness.body.status === 'ready') break;
    await pause(50);
  }
  await replica.call({ method: 'POST', url: '/v1/keyrings', token, payload: { name: 'after' } });
  t.match(await log('&action=keyring.create'), [{ keyring: 'web' }, { keyring: 'after' }]);
  t.equal((await log('&action=keyring.rotate')).length, 1, 'one rotation, one record');
  t.match((await replica.call({ method: 'POST', url: '/v1/audit/verify', token, payload: {} })).body, { intact: true });
});

/** A line to the database that is cut, once, when an audit commit of a change has been passed on. */
async function commitCutter(t: { teardown(action: () => unknown): void }, port: number) {
  let armed = false;
  let cuts = 0;
  const proxy = createServer((client) => {
    const upstream = createConnection({ host: '127.0.0.1', port });
    let writesLog = false;
    let doomed = false;
    client.on('error', () => client.destroy());
    upstream.on('error', () => upstream.destroy());
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      writesLog ||= armed && text.includes('audit_changes');
      if (armed && writesLog && text.includes('COMMIT')) {
        armed = false;
        doomed = true;
        cuts++;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (doomed) client.destroy();
      else client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.teardown(() => proxy.close());
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    arm() {
      armed = true;
    },
    count: () => cuts,
  };
}
