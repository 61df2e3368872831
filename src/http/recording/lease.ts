import type { Granted } from '../../app/read-keys.ts';
import { type Instant, SECOND } from '../../core/time.ts';
import type { PrincipalId } from '../../core/version.ts';
import type { InstanceId, LeaseGrant } from '../../ports/leases.ts';

export interface Holder {
  readonly principal: PrincipalId;
  readonly instance: InstanceId | null;
  readonly address: string;
}

/** The lease that an answer grants. @param shown whether the request showed this very answer's ETag */
export function leaseOf({ keys, leaseSeconds }: Granted, holder: Holder, shown: boolean, now: Instant): LeaseGrant {
  const { holding } = keys;
  return {
    keyring: keys.name,
    instance: holder.instance,
    principal: holder.principal,
    address: holder.address,
    grantedAt: now,
    until: now + leaseSeconds * SECOND,
    offered: holding,
    acknowledged: shown ? holding : null,
  };
}
