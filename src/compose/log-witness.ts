import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Type, { type Static } from 'typebox';
import Value from 'typebox/value';
import { writeAtomically } from '../agent/atomic-file.ts';
import { hex } from '../audit/chain.ts';
import { EVERY_BLOCK, type LedgerReader } from '../audit/ledger.ts';
import { KeyturnError } from '../core/errors.ts';
import { toIso } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';

/** Where the log of a shared store was when this replica last looked. */
const Seen = Type.Object(
  {
    /** Of which log: another database has other keys. */
    publicKey: Type.String(),
    sequence: Type.Integer({ minimum: 0 }),
    hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    at: Type.Integer(),
  },
  { additionalProperties: false },
);
type Seen = Static<typeof Seen>;

export interface Witnessed {
  readonly dataDir: string;
  readonly reader: LedgerReader;
  /** Of the log. */
  readonly publicKey: string;
  readonly clock: Pick<Clock, 'now'>;
}

/** Outside the database: what a restore of it does not set back. */
export interface LogWitness {
  /** @throws KeyturnError `invalid_config` where the database is older than what this replica has seen */
  compare(): Promise<void>;
  /**
   * Once a minute, and at the end. Where the data folder cannot be written there is no witness.
   * @throws KeyturnError as `compare`, from then on each time: the witness stays
   */
  look(): Promise<void>;
}

export function logWitness({ dataDir, reader, publicKey, clock }: Witnessed): LogWitness {
  const path = join(dataDir, 'log-seen.json');
  let last: Seen | null = null;
  return {
    async compare() {
      const seen = await readSeen(path);
      if (seen === null || seen.publicKey !== publicKey) return;
      if (!(await isPast(reader, seen))) throw setBack(path, seen);
      last = seen;
    },
    async look() {
      const head = await reader.head();
      if (last !== null && !(await isPast(reader, last))) throw setBack(path, last);
      if (head === null || head.sequence === last?.sequence) return;
      last = { publicKey, sequence: head.sequence, hash: hex(head.hash), at: clock.now() };
      await write(path, last).catch(() => undefined);
    },
  };
}

/** Whether the log still holds what was seen. It was the end of a block then, and blocks never change. */
async function isPast(reader: LedgerReader, { sequence, hash }: Seen): Promise<boolean> {
  const anchor = await reader.anchor();
  if (sequence === 0 || (anchor !== null && sequence <= anchor.sequence)) return true; // exported and dropped
  const [block] = await reader.blocks({ ...EVERY_BLOCK, from: sequence, to: sequence, order: 'newest', limit: 1 });
  return block !== undefined && block.first + block.count - 1 === sequence && hex(block.head) === hash;
}

/** Null = there is none that can be read. */
async function readSeen(path: string): Promise<Seen | null> {
  const value: unknown = await readFile(path, 'utf8')
    .then(JSON.parse)
    .catch(() => null);
  return Value.Check(Seen, value) ? value : null;
}

async function write(path: string, seen: Seen): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeAtomically({ path, mode: 0o600, owner: { user: null, group: null } }, `${JSON.stringify(seen)}\n`);
}

function setBack(path: string, { sequence, at }: Seen): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `The database is older than what this replica has seen: its audit log does not hold record ${sequence}, which was there at ${toIso(at)}. It was set back, by a restore or a fail-over: keys that were revoked or destroyed since may be back. See docs/stores.md, "Backups"; when what was cut is cut again, delete ${path} and start.`,
  );
}
