import t from 'tap';
import { campaign, type Plan } from './campaign.ts';
import { expectations } from './expectations.ts';

/** The moments that a reader would ask about first. `npm run crash` dies at all of them. */
const PLANS: readonly Plan[] = [
  { operation: 'create', point: { step: 'store putMaterial', nth: 1, when: 'after' } },
  { operation: 'create', point: { step: 'store swap', nth: 1, when: 'after' } },
  { operation: 'create', point: { step: 'ledger commit', nth: 1, when: 'after' } },
  { operation: 'take over', point: { step: 'store putMaterial', nth: 1, when: 'after' } },
  { operation: 'scheduled', point: { step: 'store swap', nth: 1, when: 'before' } },
  { operation: 'immediate', point: { step: 'ledger commit', nth: 1, when: 'before' } },
  { operation: 'emergency', point: { step: 'store swap', nth: 1, when: 'after' } },
  { operation: 'revoke', point: { step: 'store swap', nth: 1, when: 'after' } },
  { operation: 'slot', point: { step: 'store swap', nth: 1, when: 'after' } },
  { operation: 'destroy', point: { step: 'store destroyMaterial', nth: 1, when: 'after' } },
  { operation: 'purge', point: { step: 'store swap', nth: 1, when: 'after' } },
  { operation: 'read', point: { step: 'sql COMMIT', nth: 2, when: 'before' } },
];

t.test('killed at a step of whatever it does, the service loses nothing, revives nothing, and its log verifies', async (t) => {
  expectations(t, await campaign({ plans: PLANS, kills: PLANS.length }));
});
