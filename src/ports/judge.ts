import type { Secret } from '../core/secret.ts';
import type { Verdict } from '../core/strength.ts';

/** What a store remembers of a key that is offered: whether one of its keyrings has or had it. `revoked` outweighs `used`. */
export type Reuse = 'none' | 'used' | 'revoked';

/** Judges keys that somebody else made. It keeps and logs nothing of them. */
export interface KeyJudge {
  /** @throws KeyturnError `store_unavailable` … when it cannot be told whether the key was used before */
  judge(key: Secret): Promise<Verdict>;
}
