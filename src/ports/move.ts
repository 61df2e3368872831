/**
 * Where a store stands in a move of everything in it to another store. `leaving` and `moved` are said of the old one, `arriving` and `arrived` of the
 * new one. Only a store without a mark, or one that has `arrived`, may be served from.
 */
export const MOVE_PHASES = ['leaving', 'moved', 'arriving', 'arrived'] as const;
export type MovePhase = (typeof MOVE_PHASES)[number];

export interface MoveMark {
  /** Drawn at random for each move; both stores of it have the same. */
  readonly id: string;
  readonly phase: MovePhase;
  /** The store at the other end, in words for an operator. */
  readonly other: string;
}

/** A store's own note about a move, beside its keyrings. */
export interface MoveMarks {
  /**
   * Whether the store itself keeps others from it. Contract where it does: once `leaving` is written, no document, material or token is changed by
   * anybody until the mark is taken away; once `moved` is written, nobody who had the store open can read its documents any more, so that leases
   * on them run out. Where it does not, only a start on the store is refused.
   */
  readonly fences: boolean;
  read(): Promise<MoveMark | null>;
  /** Null takes the mark away, and the fence with it. Durable when it returns. */
  write(mark: MoveMark | null): Promise<void>;
}
