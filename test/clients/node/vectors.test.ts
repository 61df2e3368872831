import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ironPassword } from '../../../clients/node/src/adapters/iron-session.ts';
import { keygripOf } from '../../../clients/node/src/adapters/keygrip.ts';
import { readContent } from '../../../clients/node/src/cache-content.ts';
import { openCache, sealCache } from '../../../clients/node/src/cache-format.ts';
import { codeOf, leaseFrom, leaseLeft, openKeyring, refreshDelay } from '../../../clients/node/src/index.ts';
import { acknowledgeDelay, firstRefreshDelay, retryDelay } from '../../../clients/node/src/timing.ts';
import { parseKeys } from '../../../clients/node/src/wire.ts';
import { ManualClock } from '../../support/clock.ts';

/** Runs the shared vectors of clients/vectors: what every client must do, as data. */

// biome-ignore lint/suspicious/noExplicitAny: the vectors are data that other programs write; each test checks what it takes
function vectors(name: string): any {
  return JSON.parse(readFileSync(new URL(`../../../clients/vectors/${name}.json`, import.meta.url), 'utf8'));
}

function codeOfThrown(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    return codeOf(error) ?? `not ours: ${String(error)}`;
  }
}

t.test('answers are accepted and refused as the vectors say', async (t) => {
  for (const { name, answer, error } of vectors('answers')) {
    t.equal(
      codeOfThrown(() => parseKeys(answer, 'web')),
      error,
      name,
    );
  }
});

t.test('each consumer gets its list in its order', async (t) => {
  for (const { name, answer, keygrip, itsdangerous, signsWith, byVersion, ironSession } of vectors('order')) {
    const { snapshot } = parseKeys(answer, 'web');
    const source = { snapshot: () => snapshot, onChange: () => () => {}, refreshUnlessFresh: async () => {} };
    t.equal(snapshot.current.key, signsWith, `${name}: signs`);
    t.same(
      snapshot.signingFirst.map(({ key }) => key),
      keygrip,
      `${name}: signing first`,
    );
    t.same(
      snapshot.signingLast.map(({ key }) => key),
      itsdangerous,
      `${name}: signing last`,
    );
    for (const [version, key] of Object.entries(byVersion))
      t.equal(snapshot.find(Number(version))?.key, key, `${name}: version ${version}`);
    const sealing = Math.max(...Object.keys(ironPassword(source)).map(Number));
    t.equal(sealing, ironSession.sealsWith, `${name}: iron-session seals`);
  }
});

t.test('the lease ends at the earlier of its two ends', async (t) => {
  const moment = ({ mono, wall }: { mono: number; wall: number }) => ({ uptime: mono * 1_000, wall: wall * 1_000 });
  for (const { name, asked, leaseSeconds, renewals, now, usable } of vectors('lease')) {
    const granted = [{ asked, leaseSeconds }, ...renewals].at(-1);
    t.equal(leaseLeft(leaseFrom(moment(granted.asked), granted.leaseSeconds), moment(now)) > 0, usable, name);
  }
});

t.test('every delay is that of the vectors', async (t) => {
  const { refresh, first, acknowledge, retry } = vectors('delays');
  const kinds = [
    { name: 'refresh', cases: refresh, delay: refreshDelay },
    { name: 'first refresh', cases: first, delay: firstRefreshDelay },
    { name: 'acknowledgement', cases: acknowledge, delay: acknowledgeDelay },
  ];
  for (const { name, cases, delay } of kinds) {
    for (const { refreshSeconds, unit, seconds } of cases) {
      t.ok(Math.abs(delay(refreshSeconds, () => unit) - seconds * 1_000) < 0.001, `${name}: ${refreshSeconds} s at ${unit}`);
    }
  }
  for (const { unit, seconds, ...failure } of retry) {
    t.ok(Math.abs(retryDelay(failure, () => unit) - seconds * 1_000) < 0.001, `retry: ${JSON.stringify(failure)} at ${unit}`);
  }
});

t.test('conversations end as the vectors say', async (t) => {
  for (const { name, steps } of vectors('exchanges')) {
    await t.test(name, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'keyturn-exchange-'));
      const cacheFile = join(folder, 'web.cache');
      const clock = new ManualClock();
      let step = steps[0];
      let sent: string | undefined;
      const server = createServer((request, response) => {
        sent = request.headers['if-none-match'];
        const { status, headers, body } = step.reply;
        response.writeHead(status, headers).end(body === null || typeof body === 'string' ? (body ?? '') : JSON.stringify(body));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const options = {
        url,
        token: 'token',
        environment: {},
        log: () => {},
        clock,
        timers: { after: () => () => {} },
        startSeconds: 0,
        cacheFile,
      };
      const outcome = async (work: Promise<unknown>) =>
        work.then(
          () => null,
          (error: unknown) => codeOf(error),
        );
      const opening = openKeyring('web', options);
      t.equal(await outcome(opening), step.then.error, 'the start');
      t.equal(existsSync(cacheFile), step.then.cached, 'the cache after the start');
      const keys = await opening.catch(() => null);
      for (step of steps.slice(1)) {
        await clock.advance(step.atSeconds * 1_000 - clock.uptime());
        if (keys === null) throw new Error('no keys after the first step');
        t.equal(await outcome(keys.refresh()), step.then.error, `the error at ${step.atSeconds} s`);
        t.equal(sent ?? null, step.expectIfNoneMatch, 'If-None-Match');
        t.equal(keys.status().version, step.then.currentVersion, 'the version');
        t.equal(keys.status().leaseSecondsLeft, step.then.leaseUntilSeconds - step.atSeconds, 'the lease');
        t.equal(existsSync(cacheFile), step.then.cached, 'the cache');
      }
      keys?.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    });
  }
});

t.test('the cache file has the same bytes in every client', async (t) => {
  const { sealed, refused, use } = vectors('cache');
  for (const { name, token, url, keyring, saltHex, plaintext, fileHex } of sealed) {
    const owner = { token, url, keyring };
    t.equal(sealCache(owner, Buffer.from(saltHex, 'hex'), Buffer.from(plaintext)).toString('hex'), fileHex, `${name}: written`);
    t.equal(openCache(owner, Buffer.from(fileHex, 'hex')).toString(), plaintext, `${name}: read`);
  }
  for (const { name, fileHex } of refused.files) {
    t.equal(
      codeOfThrown(() => openCache(refused, Buffer.from(fileHex, 'hex'))),
      'bad_cache',
      name,
    );
  }
  for (const { name, plaintext, nowMillis, error } of use) {
    t.equal(
      codeOfThrown(() => readContent(plaintext, 'web', nowMillis)),
      error,
      name,
    );
  }
});

t.test('keygrip signatures are those of keygrip', async (t) => {
  const { snapshot } = parseKeys(vectors('order')[0].answer, 'web');
  const source = { snapshot: () => snapshot, onChange: () => () => {}, refreshUnlessFresh: async () => {} };
  const grip = keygripOf(source);
  for (const { name, keygrip } of vectors('tokens')) {
    const held = snapshot.find(Number(name));
    t.equal(grip.verify(keygrip.value, keygrip.signature), held !== null, `by key ${name}`);
    if (name === '3') t.equal(grip.sign(keygrip.value), keygrip.signature, 'signs as keygrip does');
  }
});
