import { styleText } from 'node:util';
import { DAY, HOUR, type Instant, MINUTE, type Millis, toIso } from '../../src/core/time.ts';
import type { Instance } from './instance.ts';
import { Stage } from './stage.ts';
import { seeded, Visitors } from './visitors.ts';

/** The whole story in under a minute: six weeks of a shop whose signing key turns every week, then one bad day. */

const VISITORS = 400;
const STEP: Millis = 30 * MINUTE;
const POLICY = { schedule: { cron: '0 3 * * MON' }, tokenLifetimeSeconds: 10 * 86_400, leaseSeconds: 6 * 3_600, refreshSeconds: 1_800 };
/** How often each instance asks, in steps: some are late, as real ones are. */
const PACES = [1, 1, 1, 2, 2, 2, 3, 3];

const random = seeded(20_260_302);
const stage = await Stage.open();
const { clock } = stage;
const fleet = PACES.map((_, index) => stage.instance(`web-${index + 1}`));
const [eager = stage.instance('web-1')] = fleet;
const visitors = new Visitors(VISITORS, POLICY.tokenLifetimeSeconds * 1_000, random);

const say = (text: string): void => console.log(text);
const heading = (text: string): void => say(`\n${styleText('bold', text, { stream: process.stdout })}`);
const day = (at: Instant): string => toIso(at).replace('T', ' ').slice(0, 16);
const line = (text: string): void => say(`  ${day(clock.now())}  ${text}`);
const tally = (): string => `${visitors.accepted.toLocaleString('en')} visits accepted, ${visitors.rejected} rejected`;

const costOfBareSwap = (kind: string): string =>
  kind === 'scheduled'
    ? `; replacing the key by hand would log out ${visitors.loggedOutByBareSwap(eager, clock.now())} of ${VISITORS} people now`
    : '';

const inHours = (time: Millis): string => `${Math.round((time / HOUR) * 2) / 2} h`;

let planned: Instant = 0;
let known = new Map<number, string>();

/** Says what became of the versions since the last look. */
async function tellRoles(): Promise<void> {
  const { items } = await stage.call('GET', '/v1/keyrings/shop/history');
  const roles = new Map<number, string>(items.map(({ version, role }: { version: number; role: string }) => [version, role]));
  for (const { version, kind, role, activatesAt, verifyUntil, advanced } of items.toReversed()) {
    if (known.get(version) === role) continue;
    if (role === 'next') {
      planned = Date.parse(activatesAt);
      line(`version ${version} published: verifies everywhere, signs from ${day(planned)}, or earlier when every instance has it`);
    }
    if (role === 'current') {
      if (advanced !== null) line(`${advanced.reason}: it signs ${inHours(planned - Date.parse(activatesAt))} before its time`);
      line(`version ${version} signs${costOfBareSwap(kind)}`);
    }
    if (role === 'previous') line(`version ${version} verifies only, until ${day(Date.parse(verifyUntil))}`);
    if (role === 'retired') line(`version ${version} retired, its material is destroyed; ${tally()}`);
    if (role === 'revoked') line(`version ${version} revoked`);
  }
  known = roles;
}

let steps = 0;

type Reach = (instance: Instance) => boolean;
const all: Reach = () => true;

/** Half an hour of the shop's life, for the instances that reach the service and for the others. */
async function step(reaches: Reach): Promise<void> {
  await clock.advance(STEP);
  await stage.tick();
  steps++;
  const asking = fleet.filter((instance, index) => reaches(instance) && steps % (PACES[index] ?? 1) === 0);
  await Promise.all(asking.map((instance) => instance.refresh()));
  visitors.visit(fleet, clock.now(), 0.05);
}

async function live(time: Millis, reaches = all): Promise<void> {
  for (const end = clock.now() + time; clock.now() < end; ) {
    await step(reaches);
    await tellRoles();
  }
}

heading('A keyring for a shop: the key turns every Monday at 03:00, sessions live ten days, leases six hours');
const created = await stage.call('POST', '/v1/keyrings', { name: 'shop', policy: POLICY, reason: 'sessions of the shop' });
line(`keyring shop created; derived: propagation ${created.derived.propagationSeconds} s, grace ${created.derived.graceSeconds} s`);
for (const instance of fleet) await instance.refresh();
await live(5 * 7 * DAY - 7 * HOUR);
const rotations = known.size - 1;
line(`${rotations} rotations behind us; ${tally()}`);

heading('No instance can reach Keyturn for three hours, and a rotation is published meanwhile');
await live(3 * HOUR, () => false);
const serving = (): string =>
  `${fleet.filter(({ serves }) => serves).length} of ${fleet.length} instances serve, on their leases; ${tally()}`;
line(serving());

heading('All but one come back. Nobody can ask it whether it has the new key, so its lease decides: nothing before that has ended');
const lost = fleet.at(-1);
await live(2 * HOUR, (instance) => instance !== lost);
const { summary } = await stage.call('GET', '/v1/keyrings/shop/instances');
line(summary.activation.message);
await live(2 * HOUR, (instance) => instance !== lost);
line(serving());
await live(4 * DAY - 4 * HOUR);
const quiet = { accepted: visitors.accepted, rejected: visitors.rejected };
line(tally());

heading('A key has leaked: emergency rotation. Everybody is to be logged out, on purpose');
const emergency = await stage.call('POST', '/v1/keyrings/shop/rotate', { kind: 'emergency', reason: 'found in a paste' });
line(`version ${emergency.version} signs at once, all earlier versions are revoked`);
await Promise.all(fleet.map((instance) => instance.refresh()));
await stage.tick();
const refusals = fleet.map((instance) => visitors.refusedBy(instance, clock.now()));
await tellRoles();
const refused = refusals.every((count) => count.refused === count.alive);
line(`${refusals[0]?.alive} old sessions: ${refused ? `refused by all ${fleet.length} instances` : 'NOT all refused'} after one refresh`);

const { revoked } = (await stage.call('GET', '/v1/keyrings/shop/instances')).summary;
line(`${revoked.mayHold} instances may still use a revoked key: the last one let go at ${day(Date.parse(revoked.clearedAt))}`);

heading('In sum');
say(
  `  ${known.size - 2} scheduled rotations, ${(quiet.accepted + quiet.rejected).toLocaleString('en')} visits, rejected: ${quiet.rejected}`,
);
await stage.close();
process.exitCode = quiet.rejected === 0 && refused && revoked.cleared ? 0 : 1;
