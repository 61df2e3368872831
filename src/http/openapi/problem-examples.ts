import { ERROR_CODES } from '../../core/errors.ts';
import { PROBLEM_TYPE_BASE, PROBLEMS } from '../problem.ts';
import { ADVICE } from '../problem-advice.ts';

const FAULTS = {
  invalid_request: [{ path: 'body/reason', message: 'must be string' }],
  invalid_policy: [
    {
      path: '/policy/refreshSeconds',
      message: '2 × refresh ≤ lease does not hold: 2 × 60 s > 90 s. Refresh more often or grant a longer lease.',
    },
  ],
  weak_key: [{ path: '/key', message: 'it holds at most 16 bytes and 32 are needed' }],
};

/** One example of each problem, for `components.examples`. */
export const PROBLEM_EXAMPLES = Object.fromEntries(
  ERROR_CODES.map((code) => {
    const [status, title] = PROBLEMS[code];
    const { when, next } = ADVICE[code];
    const faults = code in FAULTS ? { faults: FAULTS[code as keyof typeof FAULTS] } : {};
    const value = {
      type: `${PROBLEM_TYPE_BASE}${code}`,
      title,
      status,
      detail: `${when} ${next}`,
      code,
      requestId: '5f0c3a9be1d2-4k',
      ...faults,
    };
    return [code, { summary: title, value }];
  }),
);
