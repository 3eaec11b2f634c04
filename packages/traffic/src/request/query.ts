/**
 * The parameters of a query (without `?`) as name, value, name, value… in order. Nothing is decoded, as Envoy's routes do:
 * what is compared is what the backend receives. A parameter without `=` has the empty value; empty parts are skipped.
 */
export function parseQuery(query: string): readonly string[] {
  const parameters: string[] = [];
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    if (end > start) {
      const equals = query.indexOf('=', start);
      const split = equals < 0 || equals > end ? end : equals;
      parameters.push(query.slice(start, split), query.slice(split + 1, end));
    }
    start = end + 1;
  }
  return parameters;
}
