import { grace, type Policy, propagation } from '../core/policy.ts';
import { type Schedule, slotAfter } from '../core/schedule.ts';
import { type Instant, toIso } from '../core/time.ts';

export interface Plan {
  readonly policy: Policy & { readonly schedule: Schedule };
  /** The slot that the service waits for; null = the first one after now. */
  readonly firstSlot: Instant | null;
}

/** One rotation to come. RFC 3339 in UTC. */
export interface Slot {
  readonly publishedAt: string;
  readonly activatesAt: string;
  /** Until when the version that it replaces verifies. */
  readonly previousVerifiesUntil: string;
}

/**
 * The rotations to come, as the service will carry them out if nobody interferes: each slot is looked for after the activation of the one
 * before. A slot in the past is carried out now.
 */
export function coming({ policy, firstSlot }: Plan, now: Instant, count: number): Slot[] {
  const slots: Slot[] = [];
  let at = firstSlot ?? slotAfter(policy.schedule, now);
  while (at !== null && slots.length < count) {
    const publishedAt = Math.max(at, now);
    const activatesAt = publishedAt + propagation(policy);
    slots.push({
      publishedAt: toIso(publishedAt),
      activatesAt: toIso(activatesAt),
      previousVerifiesUntil: toIso(activatesAt + grace(policy)),
    });
    at = slotAfter(policy.schedule, activatesAt);
  }
  return slots;
}
