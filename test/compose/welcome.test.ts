import t from 'tap';
import { welcome } from '../../src/compose/welcome.ts';
import { Secret } from '../../src/core/secret.ts';

const URL = 'http://127.0.0.1:8460';
const text = new Secret('keyturn_the_token');
const first = (path: string) => ({ path, text });

t.test('at the first start: where it is, the token, and the next commands', async (t) => {
  t.equal(
    welcome(URL, first('/srv/data/admin.token'), '/srv'),
    `
Keyturn serves http://127.0.0.1:8460. The API is described at http://127.0.0.1:8460/docs.

This is the first start. Its admin token, shown only now:

  keyturn_the_token

It is also in /srv/data/admin.token. Replace it by narrower tokens soon (npx keyturn token --help).
In another terminal, make a keyring and rotate it:

  npx keyturn create web
  npx keyturn rotate web --reason "first try"

`,
  );
});

t.test('what the command line would not find by itself is said in the commands, in the words of a shell', async (t) => {
  t.match(
    welcome('http://127.0.0.1:9000', first("/var/lib/john's keys/admin.token"), '/srv'),
    "\n  export KEYTURN_URL=http://127.0.0.1:9000 KEYTURN_TOKEN_FILE='/var/lib/john'\\''s keys/admin.token'\n  npx keyturn create web\n",
  );
  t.match(welcome('https://127.0.0.1:8460', first('/srv/data/admin.token'), '/srv'), '  export KEYTURN_URL=https://127.0.0.1:8460\n');
  t.match(welcome(URL, first('/srv/data/admin.token'), '/home'), '  export KEYTURN_TOKEN_FILE=/srv/data/admin.token\n');
});

t.test('at every other start: where it is, and no token', async (t) => {
  t.equal(welcome(URL, null, '/srv'), `\nKeyturn serves ${URL}. The API is described at ${URL}/docs.\n\n`);
});
