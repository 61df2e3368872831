import t from 'tap';
import { startMoto } from '../support/moto.ts';
import { FORGOTTEN } from './aws/deviations.ts';
import { pairsOn } from './aws/pair.ts';
import { storeConformance } from './conformance.ts';

const moto = await startMoto(t);

t.test('the store in AWS Secrets Manager keeps the contract, on moto', { skip: typeof moto === 'string' ? moto : false }, async (t) => {
  if (typeof moto !== 'string') storeConformance(t, pairsOn(moto.endpoint), FORGOTTEN);
});
