import { ERROR_CODES, type ErrorCode } from '../../core/errors.ts';
import { PROBLEM_TYPE_BASE, PROBLEMS } from '../problem.ts';
import { ADVICE } from '../problem-advice.ts';

const INTRODUCTION = `# Problems

Every error is \`application/problem+json\` (RFC 9457). Branch on \`code\`, which is stable; \`detail\` is for people and says what to do next; the log has
the request under \`requestId\`. \`type\` is \`${PROBLEM_TYPE_BASE}\` and the code: a name, not an address. This page is made from the code by
\`npm run openapi\`.
`;

/** \`docs/problems.md\`: each code with its status, its title, what it means and what to do. */
export function problemsPage(): string {
  return [INTRODUCTION, ...ERROR_CODES.map(section)].join('\n');
}

function section(code: ErrorCode): string {
  const [status, title] = PROBLEMS[code];
  const { when, next } = ADVICE[code];
  return `## \`${code}\`\n\n${status} · ${title}\n\n${when} *What to do:* ${next}\n`;
}
