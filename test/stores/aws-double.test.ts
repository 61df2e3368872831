import t from 'tap';
import { AwsDouble } from '../support/aws-double/server.ts';
import { FORGOTTEN } from './aws/deviations.ts';
import { pairsOn } from './aws/pair.ts';
import { storeConformance } from './conformance.ts';

t.test('the store in AWS Secrets Manager keeps the contract, by the rules that AWS documents', async (t) => {
  const double = await AwsDouble.start(t);
  storeConformance(t, pairsOn(double.endpoint), FORGOTTEN);
});
