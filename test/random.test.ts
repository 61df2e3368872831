import t from 'tap';
import { systemRandom } from '../src/random.ts';
import { seededRandom } from './support/random.ts';

t.test('the generator gives as many bytes as asked, never the same, and says what it is', async (t) => {
  t.equal(systemRandom.bytes(32).length, 32);
  t.notSame(systemRandom.bytes(32), systemRandom.bytes(32));
  t.same(systemRandom.description, {
    generator: 'node:crypto randomBytes',
    runtime: `node ${process.version}`,
    openssl: process.versions.openssl,
  });
});

t.test('the generator of the tests repeats itself by seed, however the bytes are asked for', async (t) => {
  const [one, two] = [seededRandom('a'), seededRandom('a')];
  t.same(Buffer.concat([one.bytes(5), one.bytes(60)]), two.bytes(65));
  t.notSame(seededRandom('b').bytes(65), seededRandom('a').bytes(65));
});
