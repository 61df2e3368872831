// Reasons and names come from other people: what they typed may not steer somebody's terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing control characters is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Text of the service with every character that could steer a terminal shown as `�`. */
export function plain(text: string): string {
  return text.replace(CONTROL, '\ufffd');
}
