// Fills the slots that are due in a Vault, as a replica of its own, and is killed in the middle of it.
import { Copies } from '../../../src/app/copies.ts';
import { Sweep } from '../../../src/app/sweep.ts';
import { systemClock } from '../../../src/clock.ts';
import { Secret } from '../../../src/core/secret.ts';
import { storeRandom } from '../../support/sqlite.ts';
import { openTestVault } from '../../support/vault.ts';

const [address = '', prefix = ''] = process.argv.slice(2);
const auth = { method: 'token', token: new Secret(process.env.VAULT_DOUBLE_TOKEN ?? '') } as const;
const { store } = await openTestVault({ teardown: () => undefined }, { address, mount: 'secret', prefix, auth });
const copies = new Copies({ store, feed: store, clock: systemClock });
await new Sweep({ store, clock: systemClock, random: storeRandom, copies, dueIndex: store }, () => undefined).run();
