import type { FleetFacts, KeyringFacts, VersionFacts } from '../../core/review/facts.ts';
import { keyringPath } from '../arguments.ts';
import type { Client } from '../client.ts';
import { itemsOf, listing } from '../pages.ts';
import { checked } from '../problem.ts';
import { HistoryItem } from '../wire.ts';
import type { Asking } from './asking.ts';
import { HolderView, InstancesView, KeyringView } from './wire.ts';

const READER = 'a token with the role operator or auditor';
const ALL = { all: true } as const;

/** Every living keyring that the token may touch, with its fleet; null where it may see none. */
export async function askKeyrings(client: Client, asking: Asking, overdue: readonly string[]): Promise<readonly KeyringFacts[] | null> {
  const found = await asking.permitted('keyrings and instances', READER, () => listing(client, '/v1/keyrings', ALL));
  if (found === null) return null;
  const keyrings: KeyringFacts[] = [];
  for (const view of itemsOf(KeyringView, found)) {
    if (view.state === 'active') keyrings.push(await factsOf(client, asking, view, overdue.includes(view.name)));
  }
  return keyrings;
}

async function factsOf(client: Client, asking: Asking, view: KeyringView, isOverdue: boolean): Promise<KeyringFacts> {
  const { name, policy, nextRotationAt, versions } = view;
  const judgements = await judgementsOf(client, asking, view);
  return {
    name,
    policy,
    isOverdue,
    nextRotationAt: nextRotationAt === null ? null : Date.parse(nextRotationAt),
    versions: versions.map((version) => versionFacts(version, judgements)),
    fleet: await asking.permitted(`instances of ${name}`, READER, () => fleetOf(client, name)),
  };
}

function versionFacts(served: KeyringView['versions'][number], judgements: ReadonlyMap<number, string>): VersionFacts {
  const { version, role, kind, publishedAt, activatesAt, verifyUntil, weak } = served;
  return {
    version,
    role,
    publishedAt: Date.parse(publishedAt),
    activatesAt: Date.parse(activatesAt),
    verifyUntil: verifyUntil === null ? null : Date.parse(verifyUntil),
    isImported: kind === 'imported',
    isWeak: weak === true,
    judgement: judgements.get(version) ?? null,
  };
}

/** From the history, and only where a key that somebody else made is served: most keyrings have none. */
async function judgementsOf(client: Client, asking: Asking, { name, versions }: KeyringView): Promise<ReadonlyMap<number, string>> {
  if (!versions.some(({ kind, weak }) => kind === 'imported' || weak === true)) return new Map();
  const page = await asking.permitted(`history of ${name}`, READER, () => listing(client, keyringPath(name, '/history'), ALL));
  const items = page === null ? [] : itemsOf(HistoryItem, page);
  return new Map(
    items.flatMap(({ version, provenance }) => (provenance.judgement === undefined ? [] : [[version, provenance.judgement] as const])),
  );
}

async function fleetOf(client: Client, name: string): Promise<FleetFacts> {
  const page = await listing(client, keyringPath(name, '/instances'), ALL);
  const { summary } = checked(InstancesView, JSON.parse(page.json));
  const live = itemsOf(HolderView, page).filter(({ isLive }) => isLive);
  const { revoked, anonymous } = summary;
  return {
    anonymous,
    holders: live.flatMap(({ instance, lastSeen, lags }) =>
      instance === null ? [] : [{ name: instance, lastSeen: Date.parse(lastSeen), lags }],
    ),
    revokedInUse:
      revoked === null || revoked.cleared
        ? null
        : { versions: revoked.versions, mayHold: revoked.mayHold, until: Date.parse(revoked.clearedAt) },
  };
}
