/** DNS-1123 label: 1 to 63 lower-case letters, digits and inner hyphens. */
export function isDnsLabel(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

/** DNS-1123 subdomain: labels joined by dots, at most 253 characters. */
export function isDnsName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/.test(text);
}

/** Label value: empty, or at most 63 letters, digits and inner `-`, `_`, `.`. */
export function isLabelValue(text: string): boolean {
  return /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/.test(text);
}

/** Key of a label or annotation: `name` or `dns.name/name`. */
export function isQualifiedName(text: string): boolean {
  const slash = text.lastIndexOf('/');
  if (slash >= 0 && !isDnsName(text.slice(0, slash))) return false;
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(text.slice(slash + 1));
}

/** Name of a port of a container (IANA service name): at most 15 lower-case letters, digits and single inner hyphens, one letter at least. */
export function isPortName(text: string): boolean {
  return text.length <= 15 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text) && /[a-z]/.test(text);
}

/** RFC 3339 date and time. */
export function isTime(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.test(text) &&
    !Number.isNaN(Date.parse(text))
  );
}

/** Kubernetes quantity: a decimal number with an optional suffix (`100m`, `48Mi`, `1e3`). */
export function isQuantity(text: string): boolean {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/.test(text);
}

/** Name of a header field (RFC 9110 5.6.2), at most 256 characters. */
export function isHeaderName(text: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/.test(text);
}

/** Name of a subset of a Service: a DNS label in any case, as Istio takes it. */
export function isSubsetName(text: string): boolean {
  return isDnsLabel(text.toLowerCase());
}
