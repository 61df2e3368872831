import { setTimeout as pause } from 'node:timers/promises';
import type { Browser } from './browser.ts';
import { KEYRING, type KeyturnService } from './keyturn-service.ts';
import { type Cookies, send } from './request.ts';
import type { Site, Worker } from './worker.ts';

export interface EmergencyFigures {
  readonly cookies: number;
  /** Old cookies that a worker accepted after it had refused the first. */
  readonly accepted: number;
  /** Milliseconds from the answer to the rotation until the last worker refused, of those that listen for changes and of the others. */
  readonly listening: number;
  readonly polling: number;
}

/** A real keyring's lease is longer than these seconds, and long requests are no longer than a third of it. */
const LEASE_SECONDS = 60;
const GIVEN_UP = 30_000;
const COOKIES = 25;

/** An emergency rotation, and how long it takes until no worker accepts what was signed before it. */
export async function emergency(
  service: KeyturnService,
  workers: readonly Worker[],
  browsers: readonly Browser[],
): Promise<EmergencyFigures> {
  await settle(service);
  const old: Record<Site, Cookies[]> = { flask: cookiesOf(browsers, 'flask'), node: cookiesOf(browsers, 'node') };
  await service.call('POST', `/v1/keyrings/${KEYRING}/rotate`, { kind: 'emergency', reason: 'the fleet proof: a key has leaked' });
  const began = Date.now();
  const times = await Promise.all(workers.map((worker) => refusal(worker, old[worker.plan.site], began)));
  const longest = (listens: boolean): number => Math.max(...times.filter((_, index) => (workers[index]?.plan.wait ?? 0) > 0 === listens));
  let accepted = 0;
  for (const worker of workers) {
    for (const cookies of old[worker.plan.site]) if (await isKnown(worker, cookies)) accepted++;
  }
  return { cookies: old.flask.length + old.node.length, accepted, listening: longest(true), polling: longest(false) };
}

/** A lease as real ones are, and no rotation under way; until every worker has heard of it. */
async function settle(service: KeyturnService): Promise<void> {
  for (let attempt = 1; !(await changePolicy(service, attempt)); attempt++) await pause(100);
  await pause(3_000);
}

const ATTEMPTS = 10;

/** False where a rotation came in between. */
async function changePolicy(service: KeyturnService, attempt: number): Promise<boolean> {
  const { revision } = await service.call('GET', `/v1/keyrings/${KEYRING}`);
  const policy = { schedule: null, leaseSeconds: LEASE_SECONDS };
  try {
    await service.call('PATCH', `/v1/keyrings/${KEYRING}`, { policy }, { 'if-match': `"${revision}"` });
    return true;
  } catch (error) {
    if (attempt === ATTEMPTS) throw error;
    return false;
  }
}

function cookiesOf(browsers: readonly Browser[], site: Site): Cookies[] {
  const held = browsers.filter((browser) => browser.site === site).map((browser) => browser.held);
  const cookies = held.flatMap(({ cookies, isFresh }) => (isFresh ? [cookies] : [])).slice(0, COOKIES);
  if (cookies.length === 0) throw new Error(`No browser of ${site} holds a session.`);
  return cookies;
}

async function refusal(worker: Worker, [cookies = new Map()]: readonly Cookies[], began: number): Promise<number> {
  while (await isKnown(worker, cookies)) {
    if (Date.now() - began > GIVEN_UP) break;
    await pause(20);
  }
  return Date.now() - began;
}

/** By its session or by its remember cookie. */
async function isKnown(worker: Worker, cookies: Cookies): Promise<boolean> {
  const { status, body } = await send(worker.port, 'GET', '/visit?mark=none', cookies);
  return status === 200 && body.user != null;
}
