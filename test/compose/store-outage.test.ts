import t, { type Test } from 'tap';
import { openService } from '../../src/compose/service.ts';
import type { StoreSettings } from '../../src/config/settings.ts';
import { Secret } from '../../src/core/secret.ts';
import { MINUTE, SECOND } from '../../src/core/time.ts';
import { createLogger } from '../../src/logger.ts';
import type { Timers } from '../../src/ports/clock.ts';
import { giveCredentials } from '../support/aws.ts';
import { AwsDouble } from '../support/aws-double/server.ts';
import { ManualClock } from '../support/clock.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { START, testSettings } from '../support/service.ts';
import { storeRandom, temporaryFolder } from '../support/sqlite.ts';
import { startVaultDouble } from '../support/vault-double/double.ts';

const HOURLY = { cron: '0 * * * *', timeZone: 'UTC' };
const POLICY = { schedule: HOURLY, leaseSeconds: 600, refreshSeconds: 30, tokenLifetimeSeconds: 3_600, skewSeconds: 5 };

/** In one second two services ask what changed and what is due. */
const ASKED = 4;

interface Outage {
  begin(): void;
  end(): void;
  /** What an operator reads of it. */
  readonly said: RegExp;
  /** Milliseconds, where its answers ask for a pause. */
  readonly asksToWait?: number;
}

interface Reached {
  readonly store: StoreSettings;
  readonly outages: Readonly<Record<string, Outage>>;
  /** Connections that were tried and calls that came in. */
  tried(): number;
  /** Of one call. */
  readonly mostTries: number;
}

const cut = (proxy: FaultProxy, said: RegExp): Outage => ({ begin: () => proxy.cut(), end: () => proxy.open(), said });

async function vault(t: Test): Promise<Reached> {
  const { vault, address } = await startVaultDouble(t);
  const proxy = await startFaultProxy(t, { host: '127.0.0.1', port: Number(new URL(address).port) });
  const auth = { method: 'token', token: new Secret(vault.rootToken) } as const;
  const place = { address: `http://127.0.0.1:${proxy.port}`, mount: 'secret', prefix: 'keyturn', namespace: null, caFile: null, auth };
  const sealed = (is: boolean) => () => {
    vault.sealed = is;
  };
  const refuses =
    (status: number, headers = {}) =>
    () => {
      vault.intercept = () => ({ status, headers, body: { errors: ['a test'] } });
    };
  const obeys = (): void => {
    vault.intercept = (_asked, apply) => apply();
  };
  return {
    store: { kind: 'vault', ...place },
    tried: () => proxy.accepted + vault.asked.length,
    mostTries: 4,
    outages: {
      cut: cut(proxy, /does not answer/),
      sealed: { begin: sealed(true), end: sealed(false), said: /is sealed/ },
      throttled: { begin: refuses(429, { 'retry-after': '1' }), end: obeys, said: /too many requests/, asksToWait: SECOND },
      'its token expired': { begin: refuses(403), end: obeys, said: /has expired/ },
    },
  };
}

async function aws(t: Test): Promise<Reached> {
  giveCredentials();
  const double = await AwsDouble.start(t);
  const proxy = await startFaultProxy(t, { host: '127.0.0.1', port: double.port });
  const endpoint = `http://127.0.0.1:${proxy.port}`;
  const refuses =
    (type: string, status = 400, headers = {}) =>
    () => {
      double.refusal = { status, type, headers };
    };
  const obeys = (): void => {
    double.refusal = null;
  };
  return {
    store: { kind: 'aws', region: 'eu-central-1', endpoint, prefix: 'keyturn', kmsKeyId: null, tags: {} },
    tried: () => proxy.accepted + double.count(),
    mostTries: 6,
    outages: {
      cut: cut(proxy, /does not answer/),
      'out of service': { begin: refuses('InternalServiceError', 503), end: obeys, said: /does not answer/ },
      throttled: {
        begin: refuses('ThrottlingException', 400, { 'retry-after': '1' }),
        end: obeys,
        said: /is throttling/,
        asksToWait: SECOND,
      },
      'our credentials expired': { begin: refuses('ExpiredTokenException'), end: obeys, said: /missing, wrong or expired/ },
    },
  };
}

/** Pauses are noted, and take some milliseconds of real time. */
function shortPauses(): Timers & { readonly waits: number[] } {
  const waits: number[] = [];
  return {
    waits,
    after(delay, callback) {
      waits.push(delay);
      const timer = setTimeout(callback, 3);
      return () => clearTimeout(timer);
    },
  };
}

/** Two services on it, of which the first is asked. Nothing runs by itself: what they do every second they do in `second`. */
async function services(t: Test, store: StoreSettings) {
  const clock = new ManualClock(START + 55 * MINUTE);
  const timers = shortPauses();
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line: string) => void lines.push(line) });
  const open = async () => {
    const settings = testSettings(temporaryFolder(t), { store });
    const service = await openService(settings, { clock, timers, random: storeRandom, logger });
    t.teardown(() => service.stop());
    return service;
  };
  const one = await open();
  const token = one.firstToken?.text.reveal() ?? '';
  const both = [one, await open()];
  const ask = async (method: 'GET' | 'POST', url: string, payload?: object) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await one.app.inject({ method, url, headers, ...(payload && { payload }) });
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
  };
  async function second(): Promise<PromiseSettledResult<void>> {
    await clock.advance(SECOND);
    const [validated] = await Promise.allSettled(both.map((service) => service.validate()));
    await Promise.all(both.map((service) => service.sweep()));
    if (validated === undefined) throw new Error('nothing was validated');
    return validated;
  }
  return { clock, waits: timers.waits, ask, second, log: () => lines.join('') };
}

const STORES = { vault, aws };

for (const [kind, reach] of Object.entries(STORES)) {
  t.test(`a whole service while its store, ${kind}, is out of reach`, async (t) => {
    for (const what of Object.keys((await reach(t)).outages)) {
      t.test(what, async (t) => {
        const { store, outages, tried, mostTries } = await reach(t);
        const outage = outages[what];
        if (outage === undefined) throw new Error(what);
        const { clock, waits, ask, second, log } = await services(t, store);
        const rotate = (reason: string) => ask('POST', '/v1/keyrings/web/rotate', { kind: 'immediate', reason });
        const keys = () => ask('GET', '/v1/keyrings/web/keys');
        const slots = async () =>
          (await ask('GET', '/v1/keyrings/web/history')).body.items.flatMap(({ slot }: { slot: string | null }) => slot ?? []);
        t.equal((await ask('POST', '/v1/keyrings', { name: 'web', policy: POLICY })).status, 201);
        await second();
        const before = await keys();
        t.match(before, { status: 200, body: { leaseSeconds: 600 } });
        t.match(await ask('GET', '/readyz'), { status: 200, body: { status: 'ready' } });

        outage.begin();
        const at = clock.now();
        await clock.advance(99 * SECOND);
        const triedBefore = tried();
        waits.length = 0;
        t.match(await second(), { status: 'rejected', reason: { code: 'store_unavailable', message: outage.said } });
        const tries = tried() - triedBefore;
        t.ok(tries > 0 && tries <= ASKED * mostTries, `${tries} tries`);
        const { asksToWait = 0 } = outage;
        t.ok(Math.min(...waits) >= asksToWait, 'no pause is shorter than it was asked for');
        t.ok(new Set(waits).size >= waits.length / 2, `nor are they alike: ${waits.map(Math.round)}`);
        const during = await keys();
        t.match(
          during,
          { status: 200, body: { current: before.body.current, leaseSeconds: 500 } },
          'served, for what is left of the lease',
        );
        const checks = {
          store: { status: 'failing', kind, silentSeconds: 100 },
          audit: { status: 'ok', spool: 'none' },
          clock: { status: 'ok' },
        };
        t.match(await ask('GET', '/readyz'), { status: 503, body: { status: 'not ready', checks, overdueKeyrings: [] } });
        t.match(await rotate('in the outage'), { status: 503, body: { code: 'store_unavailable' } });
        t.match(await ask('POST', '/v1/keyrings', { name: 'more' }), { status: 503, body: { code: 'store_unavailable' } });

        await clock.advance(5 * MINUTE);
        await second();
        t.match((await keys()).body, { current: before.body.current, leaseSeconds: 600 - (clock.now() - at) / SECOND });
        await clock.advance(2 * MINUTE);
        await second();
        t.match((await ask('GET', '/readyz')).body, {
          checks: { store: { status: 'failing' }, scheduler: { status: 'failing' }, audit: { status: 'ok' } },
        });
        await clock.advance(2 * MINUTE);
        t.match(await keys(), { status: 503, body: { code: 'lease_exhausted' } });

        outage.end();
        for (let tries = 0; tries < 600 && (await second()).status === 'rejected'; tries++);
        for (let tries = 0; tries < 600 && (await slots()).length === 0; tries++) await second();
        await second();
        t.same(await slots(), ['2026-03-01T13:00:00.000Z'], 'the missed slot, once, by one of the two');
        t.match(await keys(), { status: 200, body: { leaseSeconds: 600, next: { version: 2 } } });
        t.match(await ask('GET', '/readyz'), { status: 200, body: { status: 'ready', overdueKeyrings: [] } });
        t.equal((await rotate('after it')).status, 200);
        t.equal((await ask('POST', '/v1/keyrings', { name: 'more' })).status, 201);
        const { body: read } = await ask('GET', '/v1/audit?action=keys.read&order=oldest');
        t.same(
          read.items.map(({ outcome, code }: { outcome: string; code: string | null }) => code ?? outcome),
          ['done', 'done', 'done', 'lease_exhausted', 'done'],
        );
        t.match(await ask('POST', '/v1/audit/verify', {}), { body: { intact: true } });
        t.match(log(), outage.said, 'the lines of the service say why');
        t.notOk(log().includes(before.body.current.key));
      });
    }
  });
}
