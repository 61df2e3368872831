import { viewFleet } from '../../app/fleet.ts';
import { parseKeyringName } from '../../core/name.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { HttpDeps } from '../deps.ts';
import { instancesView } from '../instances-view.ts';
import { NameParams } from '../schemas/common.ts';
import { InstancesQuery, InstancesView } from '../schemas/instances.ts';
import { problems } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';

const DEFAULT_LIMIT = 100;
const POSITION = /^[A-Za-z0-9._:@/-]{0,128} [\x21-\x7e]{1,128}$/;

const schema = {
  operationId: 'listInstances',
  summary: 'The fleet: who holds which version, since when, until when its lease runs, who lags',
  description:
    'The summary is of the whole fleet: whether the next version may sign before its planned activation, and who may still use revoked versions. The items are in the order of instance and token; entries stay for some days after their lease has ended.',
  tags: ['fleet'],
  params: NameParams,
  querystring: InstancesQuery,
  response: {
    200: { description: 'A page of holders.', content: { 'application/json': { schema: InstancesView } } },
    ...problems('keyring_not_found', 'corrupt_document'),
  },
} as const;

export function instancesRoute(app: Scope, { service, fleet }: HttpDeps): void {
  app.get(
    '/v1/keyrings/:name/instances',
    { schema, config: { access: ['operator', 'auditor'], audit: 'instances.read' } },
    async (request) => {
      const { limit = DEFAULT_LIMIT, after } = request.query;
      const position = decodeCursor('instances', after, (text) => (POSITION.test(text) ? text : null));
      const page = { after: position, limit };
      const view = await viewFleet(service, fleet, parseKeyringName(request.params.name), service.clock.now(), page);
      const { next } = view.holders;
      return { ...instancesView(view), next: next === null ? null : encodeCursor('instances', next) };
    },
  );
}
