import t from 'tap';
import { UnknownNames } from '../../src/app/unknown-names.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { type KeyringName, parseKeyringName } from '../../src/core/name.ts';
import type { PrincipalId } from '../../src/core/version.ts';
import { ManualClock } from '../support/clock.ts';

const [WEB, API, SHOP] = ['web', 'api', 'shop'].map(parseKeyringName) as [KeyringName, KeyringName, KeyringName];
const [ONE, OTHER] = ['token:one' as PrincipalId, 'token:other' as PrincipalId];
const missing = () => Promise.reject(new KeyturnError('keyring_not_found', 'There is none.'));

t.test('a token that asks for what does not exist is not asked on for it after so many, until the minute is over', async (t) => {
  const clock = new ManualClock();
  const names = new UnknownNames(clock, 3);
  for (let count = 0; count < 3; count++) await t.rejects(names.asking(ONE, WEB, missing), { code: 'keyring_not_found' });
  let asked = false;
  const ask = async () => {
    asked = true;
  };
  await t.rejects(names.asking(ONE, WEB, ask), { code: 'rate_limited', retryAfterSeconds: Number });
  t.notOk(asked);
  await names.asking(OTHER, WEB, ask);
  t.ok(asked, 'another token has its own count');
  await clock.advance(60_000);
  await t.rejects(names.asking(ONE, WEB, missing), { code: 'keyring_not_found' });
});

t.test('what exists, and what failed for another reason, is not counted', async (t) => {
  const names = new UnknownNames(new ManualClock(), 2);
  const fails = () => Promise.reject(new KeyturnError('store_unavailable', 'Down.'));
  for (let count = 0; count < 9; count++) {
    t.equal(await names.asking(ONE, WEB, async () => 'keys'), 'keys');
    await t.rejects(names.asking(ONE, WEB, fails), { code: 'store_unavailable' });
  }
});

t.test('questions that are still open count, so a burst is bounded too', async (t) => {
  const names = new UnknownNames(new ManualClock(), 2);
  let answer = (_: string): void => undefined;
  const open = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const both = [names.asking(ONE, WEB, () => open), names.asking(ONE, API, () => open)];
  await t.rejects(
    names.asking(ONE, SHOP, () => open),
    { code: 'rate_limited', retryAfterSeconds: 1 },
    'and soon there is room again',
  );
  answer('keys');
  t.same(await Promise.all(both), ['keys', 'keys']);
  t.equal(await names.asking(ONE, WEB, async () => 'again'), 'again');
});

t.test('who asks for what is being asked for already is not counted', async (t) => {
  const names = new UnknownNames(new ManualClock(), 2);
  const { promise, reject } = Promise.withResolvers<string>();
  const same = Array.from({ length: 5 }, () => names.asking(ONE, WEB, () => promise));
  reject(new KeyturnError('keyring_not_found', 'There is none.'));
  for (const asked of same) await t.rejects(asked, { code: 'keyring_not_found' });
  await t.rejects(names.asking(ONE, WEB, missing), { code: 'keyring_not_found' });
  await t.rejects(names.asking(ONE, WEB, missing), { code: 'rate_limited' }, 'one after the other they are');
});
