import { isAuthority } from '../../authority.ts';
import { Http1Error } from '../errors.ts';

/** What a request target says that is not a path. */
export interface TargetForm {
  /** The authority of the absolute form. */
  readonly authority: string | undefined;
  readonly path: string;
}

const ASTERISK: TargetForm = { authority: undefined, path: '*' };

/** Reads a target other than the origin form (RFC 9112 3.2.2 to 3.2.4). Throws `Http1Error`. */
export function requestTarget(method: string, target: string): TargetForm {
  if (method === 'CONNECT') throw new Http1Error('connect', 'CONNECT, which opens a tunnel', 501);
  if (target === '*') {
    if (method === 'OPTIONS') return ASTERISK;
    throw new Http1Error('target', 'the target * with a method other than OPTIONS');
  }
  const begin = /^https?:\/\//i.exec(target)?.[0].length ?? -1;
  if (begin < 0) throw new Http1Error('target', 'a request target that is neither a path nor an http URL');
  let end = begin;
  while (end < target.length && target[end] !== '/' && target[end] !== '?') end++;
  const authority = target.slice(begin, end);
  if (!isAuthority(authority))
    throw new Http1Error('target', 'a request target whose authority is not host or host:port');
  const rest = target.slice(end);
  if (rest.startsWith('/')) return { authority, path: rest };
  if (rest === '' && method === 'OPTIONS') return { authority, path: '*' };
  return { authority, path: `/${rest}` };
}
