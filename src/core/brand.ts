declare const brand: unique symbol;

/** A string of one kind, which the compiler keeps apart from strings of every other kind. */
export type Branded<Kind extends string> = string & { readonly [brand]: Kind };
