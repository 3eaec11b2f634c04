/**
 * Fields as name, value, name, value… in order of arrival: pseudo fields first, names in lower case, one character per octet.
 * The shape in which the codecs of HTTP/1.1 and HTTP/2 give and take them.
 */
export type FieldList = readonly string[];

/**
 * The value of a field; undefined when it is absent. One that occurs several times is joined with `,` (RFC 9110 5.3), as
 * Envoy does before it matches; crumbs of `cookie` with `; ` (RFC 9113 8.2.3).
 */
export function fieldValue(fields: FieldList, name: string): string | undefined {
  let joined: string | undefined;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (fields[at] !== name) continue;
    const value = fields[at + 1] ?? '';
    joined = joined === undefined ? value : joined + (name === 'cookie' ? '; ' : ',') + value;
  }
  return joined;
}
