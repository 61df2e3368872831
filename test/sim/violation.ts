/** A promise that was not kept. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
