import type { Deviations } from '../conformance.ts';

/** What Secrets Manager cannot do for us. `material.test.ts` shows what is promised in its place. */
export const FORGOTTEN: Deviations = {
  'destroyed material is gone for ever: nothing may be put in its place':
    'AWS forgets the names of destroyed secrets; a process that neither destroyed it nor finds it in the document cannot tell (decision 0031)',
};
