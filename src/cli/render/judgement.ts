import type { Paint } from '../ui.ts';
import type { Judgement } from '../wire.ts';
import { plain } from './plain.ts';

/** What the service thinks of a key, for its owner. */
export function judgementInWords(paint: Paint, { acceptable, mayVerify, bytes, faults, note }: Judgement): string {
  const verdict = acceptable ? paint('green', 'No fault found.') : paint('red', 'Not acceptable:');
  const reasons = faults.map((fault) => `  - ${plain(fault)}\n`);
  const end = acceptable ? note : mayVerify ? 'It may verify for a while what it signed: keyturn import --verify-only' : '';
  return `${verdict} At most ${bytes} bytes of entropy.\n${reasons.join('')}${end === '' ? '' : `${plain(end)}\n`}`;
}
