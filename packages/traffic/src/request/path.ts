/**
 * What is made of a path before routes and policies see it, and backends get it (Istio's MeshConfig, `pathNormalization`). `none`: nothing.
 * `merge-slashes`: what `base` does, and several slashes in a row are one. `decode-and-merge-slashes`: that with `%2F` and `%5C`
 * decoded first.
 */
export type PathNormalization = 'base' | 'decode-and-merge-slashes' | 'merge-slashes' | 'none';

/** Why a request's path cannot be judged; it is answered with 400. */
export type PathRefusal =
  | 'path-ambiguous'
  | 'path-above-root'
  | 'path-bad-character'
  | 'path-bad-escape'
  | 'path-missing'
  | 'path-not-absolute'
  | 'path-too-long';

/** The path as it is judged and forwarded, or why it is refused. */
export type NormalPath = { readonly path: string } | { readonly refusal: PathRefusal };

const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;
const HEX = '0123456789ABCDEF';

/**
 * Whether `normalizePath` would leave a path alone: absolute, visible ASCII, without escapes, backslashes and dot segments.
 * Most are, and this costs one pass and no allocation. A segment that only begins with a dot is left to the slow way.
 */
export function isPlainPath(path: string): boolean {
  let previous = 0;
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code <= 0x20 || code >= DELETE || code === PERCENT || code === BACKSLASH) return false;
    if (code === DOT && previous === SLASH) return false;
    previous = code;
  }
  return path.charCodeAt(0) === SLASH;
}

/**
 * A path without query and fragment in its normal form, as Istio's `BASE` makes it: `\` is `/`, escapes of unreserved
 * characters are decoded (RFC 3986 6.2.2.2), dot segments are taken out, written plainly or escaped (6.2.2.3), octets
 * outside ASCII are escaped. Other escapes stay as they were written, `%2F` among them, and so do doubled slashes.
 * Refused, where Envoy would mend them: `..` above the root, and a percent sign that begins no escape; also `%00`, and dot segments
 * with parameters (`..;a`), which it lets pass.
 */
export function normalizePath(path: string, how: PathNormalization = 'base'): NormalPath {
  if (how === 'none') return unchanged(path);
  const decoded = decodeUnreserved(path, how === 'decode-and-merge-slashes');
  if (typeof decoded === 'object') return decoded;
  if (!decoded.startsWith('/')) return { refusal: decoded.length === 0 ? 'path-missing' : 'path-not-absolute' };
  const normal = removeDotSegments(decoded);
  if (how === 'base' || 'refusal' in normal) return normal;
  return { path: normal.path.replace(/\/{2,}/g, '/') };
}

/** Whether `normalizePath` leaves a path alone that is plain. */
export function isPlainFor(path: string, how: PathNormalization): boolean {
  return isPlainPath(path) && (how === 'base' || how === 'none' || !path.includes('//'));
}

/** What can be sent on, as it is. */
function unchanged(path: string): NormalPath {
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code <= 0x20 || code === DELETE || code > 0xff) return { refusal: 'path-bad-character' };
  }
  if (path.startsWith('/')) return { path };
  return { refusal: path.length === 0 ? 'path-missing' : 'path-not-absolute' };
}

/** Escapes, backslashes and octets outside ASCII in their normal form. */
function decodeUnreserved(path: string, slashes: boolean): string | { readonly refusal: PathRefusal } {
  let out = '';
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code <= 0x20 || code === DELETE || code > 0xff) return { refusal: 'path-bad-character' };
    if (code > DELETE) {
      out += `%${HEX.charAt(code >> 4)}${HEX.charAt(code & 15)}`;
    } else if (code === BACKSLASH) {
      out += '/';
    } else if (code === PERCENT) {
      const octet = escapedOctet(path, at);
      if (octet <= 0) return { refusal: 'path-bad-escape' };
      if (slashes && (octet === SLASH || octet === BACKSLASH)) out += '/';
      else out += isUnreserved(octet) ? String.fromCharCode(octet) : path.slice(at, at + 3);
      at += 2;
    } else {
      out += path.charAt(at);
    }
  }
  return out;
}

/** The octet that the escape at `at` stands for; -1 when it is none. */
function escapedOctet(path: string, at: number): number {
  const high = hexDigit(path.charCodeAt(at + 1));
  const low = hexDigit(path.charCodeAt(at + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/** -1 for what is no hexadecimal digit, NaN too. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** RFC 3986 2.3. */
function isUnreserved(octet: number): boolean {
  const lower = octet | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return true;
  if (octet >= 0x30 && octet <= 0x39) return true;
  return octet === 0x2d || octet === DOT || octet === 0x5f || octet === 0x7e;
}

/** RFC 3986 5.2.4. `..` behind an empty segment takes that one away, so `/a//../b` is `/a/b`. */
function removeDotSegments(path: string): NormalPath {
  const segments = path.split('/');
  // The empty text before the first slash stays in place, so that what is left begins with a slash.
  const kept: string[] = [''];
  for (let at = 1; at < segments.length; at++) {
    const segment = segments[at] ?? '';
    // Some servers take parameters off a segment before they ask whether it is one of dots.
    if (/^\.{1,2};/.test(segment)) return { refusal: 'path-ambiguous' };
    const last = at === segments.length - 1;
    if (segment === '.' || segment === '..') {
      if (segment === '..') {
        if (kept.length === 1) return { refusal: 'path-above-root' };
        kept.pop();
      }
      if (last) kept.push('');
    } else {
      kept.push(segment);
    }
  }
  return { path: kept.join('/') };
}
