import type { KeyObject } from 'node:crypto';
import { type Instant, toIso } from '../core/time.ts';
import type { AuditEvent, AuditRecord } from '../ports/journal.ts';
import { MAX_FINDINGS } from './check.ts';
import { partsOf, type SpoolPart } from './read-spool.ts';
import { encodeEvent } from './record.ts';
import { ALL_MOVED, doubtOf, labelOf, type SpoolAtRest, type SpoolReceiver, type SpoolText } from './spool.ts';

export interface MoveDeps {
  readonly receiver: SpoolReceiver;
  /** Of the spool: `spoolKeys`. */
  readonly mac: KeyObject;
  readonly now: () => Instant;
}

/** What became of a spool. */
export interface Moved {
  readonly records: number;
  /** What is wrong with it, in words; at most `MAX_FINDINGS`. The shared log names them too. */
  readonly problems: readonly string[];
}

/**
 * Moves a spool into the shared log: part by part, each with the mark of how far it came in one transaction. So every record gets there once, whenever
 * the process dies and whatever answers are lost; begun again, it reads the spool from its first record and passes over what is there already.
 * A failure leaves all as it is, to be tried again.
 * @throws KeyturnError what the receiver throws, or what keeps the spool from being read now
 */
export async function moveSpool(spool: SpoolAtRest, { receiver, mac, now }: MoveDeps): Promise<Moved> {
  let mark = await receiver.markOf(spool.name);
  const sum = new Sum();
  for (const part of believable(spool, mac, mark)) {
    const problems = sum.add(part);
    const next = part.isLast ? ALL_MOVED : part.first;
    const isEmpty = part.isLast && sum.records === 0 && sum.problems.length === 0;
    if (isEmpty || next <= mark) continue;
    const events = problems.map((problem) => problemEvent(now(), spool.name, problem));
    if (part.isLast) events.push(sumEvent(now(), spool.name, sum));
    const moved = part.records.map((record) => ({ text: encodeEvent(asSpooled(record, spool.name)), doubt: doubtOf(record) }));
    const texts: SpoolText[] = [...moved, ...events.map((event) => ({ text: encodeEvent(event), doubt: null }))];
    await receiver.take({ spool: spool.name, after: mark, mark: next, texts, at: now() });
    mark = next;
  }
  return sum;
}

/** The parts; a file that is damaged ends with a part that says so. */
function* believable(spool: SpoolAtRest, mac: KeyObject, moved: number): Generator<SpoolPart> {
  let first = 0;
  try {
    const reader = spool.open();
    try {
      for (const part of partsOf(reader, mac, spool.written, moved)) {
        yield part;
        first = part.first;
      }
    } finally {
      reader.close();
    }
  } catch (error) {
    if (!spool.isDamage(error)) throw error;
    yield { first, records: [], problems: [`its file cannot be read beyond the block at record ${first}`], isLast: true };
  }
}

class Sum implements Moved {
  records = 0;
  readonly problems: string[] = [];
  from: Instant | null = null;
  to: Instant | null = null;

  /** @returns those of its problems that are told: a spool that is wrong all over shall not fill the log */
  add({ records, problems }: SpoolPart): readonly string[] {
    this.records += records.length;
    for (const { at } of records) {
      this.from = Math.min(this.from ?? at, at);
      this.to = Math.max(this.to ?? at, at);
    }
    const told = problems.slice(0, MAX_FINDINGS - this.problems.length);
    this.problems.push(...told);
    return told;
  }
}

/** All that it was, and whose it is. */
function asSpooled(record: AuditRecord, spool: string): AuditEvent {
  const mark = `spooled by ${labelOf(spool)}`;
  return { ...record, reason: record.reason === null ? mark : `${mark}; ${record.reason}` };
}

function problemEvent(at: Instant, spool: string, problem: string): AuditEvent {
  return { ...spoolEvent(at), outcome: 'failed', code: 'corrupt_document', reason: `spool of ${labelOf(spool)}: ${problem}` };
}

function sumEvent(at: Instant, spool: string, { records, problems, from, to }: Sum): AuditEvent {
  const between = from === null || to === null ? '' : ` between ${toIso(from)} and ${toIso(to)}`;
  const wrong = problems.length === 0 ? '' : '; it is not what was written there: see the records before this one';
  return { ...spoolEvent(at), reason: `${records} records, spooled by ${labelOf(spool)}${between}, are in this log now${wrong}` };
}

function spoolEvent(at: Instant): AuditEvent {
  const nobody = { principal: null, keyring: null, versions: [], instance: null, address: null, requestId: null };
  return { at, action: 'audit.spool', outcome: 'done', code: null, ...nobody, reason: null };
}
