import Type from 'typebox';
import { ROTATION_KINDS } from '../../core/transitions/rotate.ts';
import { REVOCATION, ROTATION } from '../openapi/examples.ts';
import { closed, Instant, KeyringName, oneOf, orNull, Reason, VersionNumber } from './common.ts';

const RotationKind = oneOf(ROTATION_KINDS, {
  description:
    'scheduled: nobody notices. immediate: signs now, the old key keeps its grace. emergency: signs now, all earlier keys are cut and everybody is logged out. Default scheduled.',
});

export const RotateBody = Type.Object(
  { kind: Type.Optional(RotationKind), reason: Reason },
  { ...closed, title: 'Rotate', examples: [{ kind: 'scheduled', reason: 'quarterly review' }] },
);

export const RotationView = Type.Object(
  {
    name: KeyringName,
    revision: Type.String(),
    version: VersionNumber,
    kind: Type.String({ description: 'How this version came to be.' }),
    activatesAt: Instant,
    replayed: Type.Boolean({ description: 'True when an earlier request with the same Idempotency-Key did this.' }),
  },
  { title: 'Rotation', examples: [ROTATION] },
);

export const RevokeBody = Type.Object({ reason: Reason }, { ...closed, title: 'Revoke', examples: [{ reason: 'found in a log' }] });

export const RevokeParams = Type.Object({ name: KeyringName, version: VersionNumber });

export const RevocationView = Type.Object(
  { name: KeyringName, revision: Type.String(), revoked: VersionNumber, current: VersionNumber, next: orNull(VersionNumber) },
  { title: 'Revocation', examples: [REVOCATION] },
);

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,128}$',
      description: 'Repeat it with a retry and nothing happens twice.',
      examples: ['deploy-4711'],
    }),
  ),
});
