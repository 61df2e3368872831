import type { InjectOptions } from 'fastify';
import type { Answered } from '../support/documented.ts';
import type { TestService } from '../support/service.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export interface Run {
  readonly answers: readonly Answered[];
  /** Every key and every token's text that an answer or a request held. */
  readonly secrets: ReadonlySet<string>;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Uses everything that the API has, once in the right way and once in wrong ones, as an operator, an instance, an auditor and an admin would. */
export async function runEverything({ call, pass, token, admin, store, app }: TestService): Promise<Run> {
  const answers: Answered[] = [];
  const secrets = new Set<string>([admin]);
  const ask = async (method: Method, url: string, options: InjectOptions & { token?: string | null } = {}) => {
    const called = await call({ method, url, ...options });
    answers.push({ method, url, called });
    for (const key of keysOf(called.body)) secrets.add(key);
    return called;
  };
  const reason = 'a reason';

  for (const url of ['/healthz', '/readyz', '/metrics']) await ask('GET', url, { token: null });
  await ask('GET', '/readyz');
  const imported = 'Zq3Tb7Wn1Xs5Vd9Rf2Kg6Hj4Lm8Pc0Ya_imported-key';
  secrets.add(imported);
  const created = await ask('POST', '/v1/keyrings', { payload: { name: 'web', reason } });
  await ask('POST', '/v1/keyrings', { payload: { name: 'web' } });
  await ask('POST', '/v1/keyrings', { payload: { name: 'old', key: imported } });
  await ask('POST', '/v1/keyrings', { payload: { name: 'weak', key: 'a weak key that is long enough but'.slice(0, 20) } });
  await ask('POST', '/v1/keyrings', { payload: { name: 'fast', policy: { schedule: { cron: '* * * * *' } } } });
  await ask('POST', '/v1/keyrings', { payload: { name: 'Not A Name' } });
  await ask('POST', '/v1/keyrings', { payload: 'name=web', headers: { 'content-type': 'text/plain' } });
  await ask('POST', '/v1/keyrings', { payload: { name: 'x'.repeat(70_000) } });
  await ask('GET', '/v1/keyrings?limit=1');
  await ask('GET', '/v1/keyrings?after=nonsense');
  await ask('GET', '/v1/keyrings/web');
  await ask('GET', '/v1/keyrings/none');
  await ask('GET', '/v1/keyrings/web', { token: null });
  await ask('PATCH', '/v1/keyrings/web', { payload: { policy: { refreshSeconds: 30 } } });
  const ifMatch = { 'if-match': String(created.headers.etag) };
  await ask('PATCH', '/v1/keyrings/web', { payload: { policy: { refreshSeconds: 30 }, reason }, headers: ifMatch });
  await ask('PATCH', '/v1/keyrings/web', { payload: { policy: { refreshSeconds: 30 } }, headers: ifMatch });

  const keys = await ask('GET', '/v1/keyrings/web/keys', { headers: { 'keyturn-instance': 'web-1' } });
  await ask('GET', '/v1/keyrings/web/keys', { headers: { 'if-none-match': String(keys.headers.etag) } });
  await ask('GET', '/v1/keyrings/none/keys');
  await ask('POST', '/v1/keyrings/web/rotate', { payload: { reason }, headers: { 'idempotency-key': 'once' } });
  await ask('POST', '/v1/keyrings/web/rotate', { payload: { reason }, headers: { 'idempotency-key': 'once' } });
  await ask('POST', '/v1/keyrings/web/rotate', { payload: { reason: 'other' }, headers: { 'idempotency-key': 'once' } });
  await ask('POST', '/v1/keyrings/web/rotate', { payload: { reason } });
  await ask('GET', '/v1/keyrings/web/keys');
  await ask('POST', '/v1/keyrings/web/rotate', { payload: { reason, kind: 'immediate' } });
  await ask('POST', '/v1/keyrings/web/versions/1/revoke', { payload: { reason } });
  await ask('POST', '/v1/keyrings/web/versions/9/revoke', { payload: { reason } });
  await ask('POST', '/v1/keyrings/web/rotate', { payload: { reason, kind: 'emergency' } });
  await ask('GET', '/v1/keyrings/web/keys');
  await ask('GET', '/v1/keyrings/web/history?limit=2');
  await ask('GET', '/v1/keyrings/web/history?format=csv&limit=1');
  await ask('GET', '/v1/audit?limit=3');
  await ask('GET', '/v1/audit?format=ndjson&limit=3');
  await ask('GET', '/v1/audit/checkpoint');
  await ask('POST', '/v1/audit/verify', { payload: {} });
  await ask('POST', '/v1/audit/export', { payload: { until: '2020-01-01T00:00:00Z' } });
  const { text } = await ask('POST', '/v1/audit/export', { payload: { until: '2030-01-01T00:00:00Z' } });
  const { checkpoint } = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
  await ask('POST', '/v1/audit/drop', { payload: { from: 2, checkpoint } });
  await ask('POST', '/v1/audit/drop', { payload: { from: 1, checkpoint } });
  await ask('GET', '/v1/keyrings/web/instances?limit=2');

  await ask('POST', '/v1/strength', { payload: { key: imported } });
  await ask('POST', '/v1/strength', { payload: { key: 'short' } });
  const app1 = await ask('POST', '/v1/tokens', {
    payload: { name: 'web servers', roles: ['app'], keyrings: ['web'], expiresInSeconds: 3_600 },
  });
  secrets.add(app1.body.token);
  await ask('GET', '/v1/tokens?limit=1');
  await ask('DELETE', `/v1/tokens/${app1.body.id}?reason=leaked`);
  await ask('DELETE', '/v1/tokens/nobody');
  await ask('DELETE', `/v1/tokens/${admin.slice(8, 20)}`);
  for (const text of [app1.body.token, `${admin.slice(0, -1)}#`, admin.slice(0, 40)]) {
    await ask('GET', '/v1/keyrings/web/keys', { token: text });
    await ask('GET', '/metrics', { token: text });
    await ask('GET', '/v1/tokens', { token: text });
    secrets.add(text);
  }
  const auditor = await token(['auditor'], ['old']);
  secrets.add(auditor);
  await ask('GET', '/v1/keyrings/web/history', { token: auditor });

  await ask('DELETE', '/v1/keyrings/old?recoveryDays=8');
  await ask('DELETE', '/v1/keyrings/old');
  await ask('GET', '/v1/keyrings/old/keys');
  await ask('POST', '/v1/keyrings/old/restore');
  await ask('POST', '/v1/keyrings/old/restore', { payload: { reason } });
  await ask('DELETE', '/v1/keyrings/old');
  await pass(8 * DAY);
  await ask('POST', '/v1/keyrings/old/restore');
  await ask('GET', '/v1/keyrings/old');
  await ask('GET', '/v1/keyrings/old/history');

  await ask('POST', '/v1/backup');

  store.faults.down = true;
  await ask('GET', '/v1/keyrings/web');
  await ask('POST', '/v1/keyrings/web/rotate', { payload: { reason } });
  await ask('GET', '/v1/keyrings/web/keys');
  await pass(MINUTE).catch(() => undefined);
  await ask('GET', '/readyz');
  await pass(2 * DAY).catch(() => undefined);
  await ask('GET', '/v1/keyrings/web/keys');
  store.faults.down = false;
  store.faults.failNext('load', new Error(`a driver that says too much: ${admin}`));
  await ask('GET', '/v1/keyrings/web');
  await app.inject({ url: `/v1/keyrings/%zz${admin}` });
  await app.inject({ url: `/${imported}?token=${admin}` });
  return { answers, secrets };
}

function keysOf(body: unknown): string[] {
  if (typeof body !== 'object' || body === null) return [];
  return Object.entries(body).flatMap(([field, value]) => (field === 'key' && typeof value === 'string' ? [value] : keysOf(value)));
}
