import t from 'tap';
import { freshPrefix, openTestAws } from '../support/aws.ts';
import { startMoto } from '../support/moto.ts';
import { FORGOTTEN } from './aws/deviations.ts';
import { storeConformance } from './conformance.ts';

const moto = await startMoto(t);

t.test('the store in AWS Secrets Manager keeps the contract, on moto', { skip: typeof moto === 'string' ? moto : false }, async (t) => {
  if (typeof moto === 'string') return;
  const open = async () => {
    const last: (() => unknown)[] = [];
    const teardown = { teardown: (action: () => unknown) => last.push(action) };
    const prefix = freshPrefix();
    const { store } = await openTestAws(teardown, moto.endpoint, { prefix });
    const { store: other } = await openTestAws(teardown, moto.endpoint, { prefix });
    const cleanup = async () => {
      for (const action of last) await action();
    };
    return { store, other, cleanup };
  };
  storeConformance(t, open, FORGOTTEN);
});
