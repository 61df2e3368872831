import t from 'tap';
import { freshPrefix, openTestAws } from '../support/aws.ts';
import { AwsDouble } from '../support/aws-double/server.ts';
import { FORGOTTEN } from './aws/deviations.ts';
import { storeConformance } from './conformance.ts';

t.test('the store in AWS Secrets Manager keeps the contract, by the rules that AWS documents', async (t) => {
  const double = await AwsDouble.start(t);
  storeConformance(
    t,
    async () => {
      const last: (() => unknown)[] = [];
      const teardown = { teardown: (action: () => unknown) => last.push(action) };
      const prefix = freshPrefix();
      const { store } = await openTestAws(teardown, double.endpoint, { prefix });
      const { store: other } = await openTestAws(teardown, double.endpoint, { prefix });
      const cleanup = async () => {
        for (const action of last) await action();
      };
      return { store, other, cleanup };
    },
    FORGOTTEN,
  );
});
