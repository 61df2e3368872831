import t from 'tap';
import { keepsEveryPromise } from './promises.ts';

t.test('every promise is kept in every schedule', (t) => keepsEveryPromise(t, 2_001));
