import t from 'tap';
import { isAddressRange } from '../../src/config/address.ts';
import { didYouMean } from '../../src/config/did-you-mean.ts';
import { toSeconds } from '../../src/config/duration.ts';
import { toInstant } from '../../src/config/instant.ts';
import type { ConfigFile } from '../../src/config/schema.ts';
import fc from '../support/fast-check.ts';

t.test('durations are whole seconds or a number with a unit', async (t) => {
  const good = { '90s': 90, '15m': 900, '24h': 86_400, '31d': 2_678_400, '2w': 1_209_600, '0s': 0 };
  for (const [text, seconds] of Object.entries(good)) t.equal(toSeconds(text), seconds);
  t.equal(toSeconds(90), 90);
  for (const bad of ['', '90', '1.5h', '-1s', '1 h', '1H', '1h30m', 1.5, -1, Number.NaN, Infinity, null, undefined, true, ['1s']]) {
    t.equal(toSeconds(bad), null, String(bad));
  }
});

t.test('instants need an offset and a date that exists', async (t) => {
  t.equal(toInstant('2027-01-31T00:00:00Z'), Date.UTC(2027, 0, 31));
  t.equal(toInstant('2028-02-29T00:00:00.5+01:00'), Date.UTC(2028, 1, 28, 23, 0, 0, 500));
  for (const bad of ['2027-02-29T00:00:00Z', '2027-01-31', '2027-01-31T00:00:00', '2027-13-01T00:00:00Z', '2027-01-01T25:00:00Z', 'soon']) {
    t.equal(toInstant(bad), null, bad);
  }
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), noInvalidDate: true, max: new Date('9999-12-31') }),
      (date) => toInstant(date.toISOString()) === date.getTime(),
    ),
  );
});

t.test('proxies are addresses and ranges', async (t) => {
  for (const good of ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0/0', '::/128']) t.ok(isAddressRange(good), good);
  for (const bad of ['', 'proxy', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0/8', '/8', '10.0.0.0/-1'])
    t.notOk(isAddressRange(bad), bad);
});

t.test('the nearest known word is offered, a far one is not', async (t) => {
  t.equal(didYouMean('prot', ['host', 'port']), ' (did you mean port?)');
  t.equal(didYouMean('DATADIR', ['dataDir']), ' (did you mean dataDir?)');
  t.equal(didYouMean('elephant', ['host', 'port']), '');
});

t.test('words of the config file have the type of their words', async (t) => {
  const isSqlite = (file: ConfigFile): boolean => {
    // @ts-expect-error no such kind of store: while the type was `never`, every comparison passed
    if (file.store?.kind === 'sqllite') return false;
    return file.store?.kind === 'sqlite';
  };
  t.equal(isSqlite({ store: { kind: 'sqlite' } }), true);
});
