import { PROBLEM_EXAMPLES } from './problem-examples.ts';

/** What the OpenAPI document says beside the routes. */
export const OPENAPI = {
  openapi: '3.1.0' as const,
  info: {
    title: 'Keyturn',
    version: '1',
    summary: 'Rotate application signing keys without logging anyone out.',
    description:
      'Every error is `application/problem+json` with a stable `code`, a `requestId`, and what to do next. Unknown fields are refused. Instants are RFC 3339 in UTC with milliseconds, durations whole seconds.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [
    { url: '/', description: 'Where this document was read.' },
    { url: 'http://127.0.0.1:8460', description: 'The default of a first start.' },
  ],
  tags: [
    { name: 'keys', description: 'For application instances: role app.' },
    { name: 'keyrings', description: 'For platform teams: role operator; reading also auditor.' },
    { name: 'rotation', description: 'Role operator.' },
    { name: 'history', description: 'Role auditor or operator.' },
    { name: 'fleet', description: 'Role operator or auditor.' },
    { name: 'audit', description: 'Role auditor.' },
    { name: 'strength', description: 'Role operator.' },
    { name: 'tokens', description: 'Role admin.' },
    { name: 'operations', description: 'For load balancers and monitors.' },
  ],
  components: {
    securitySchemes: {
      token: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'A token of this service, `keyturn_…`. An operation names the roles of which the token needs one.',
      },
    },
    examples: PROBLEM_EXAMPLES,
  },
  security: [{ token: [] }],
};
