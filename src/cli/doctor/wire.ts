import Type from 'typebox';
import { HolderView, InstancesView, KeyringView, TokenView } from '../wire.ts';

/** What a review reads of answers beyond what other commands do. */
export { HolderView, InstancesView, KeyringView };

const Status = Type.String();
const Seconds = Type.Union([Type.Number(), Type.Null()]);

export const Readiness = Type.Object({
  status: Type.String(),
  checks: Type.Object({
    store: Type.Object({ status: Status, kind: Type.String(), silentSeconds: Seconds }),
    scheduler: Type.Object({ status: Status, lastSweepSecondsAgo: Seconds }),
    clock: Type.Object({ status: Status }),
    audit: Type.Object({ status: Status, spool: Type.Optional(Status), spooled: Type.Optional(Type.Integer()) }),
  }),
  overdue: Type.Integer(),
  overdueKeyrings: Type.Optional(Type.Array(Type.String())),
});
export type Readiness = Type.Static<typeof Readiness>;

export const TokenOrigin = Type.Intersect([TokenView, Type.Object({ createdBy: Type.Object({ id: Type.String() }) })]);
export type TokenOrigin = Type.Static<typeof TokenOrigin>;

export const AuditMoments = Type.Object({
  items: Type.Array(Type.Object({ at: Type.String() })),
  next: Type.Union([Type.String(), Type.Null()]),
});
