import type { Redirect as Message } from '@ambit/proto/waypoint';
import { PortChoice } from '@ambit/proto/waypoint';
import { hostProblem } from '../request/authority.ts';
import type { Problems } from './problems.ts';
import { readPathRewrite } from './read-rewrite.ts';
import type { Redirect } from './route-filters.ts';

/** Those that keep a promise to the client about its method or not (RFC 9110 15.4.2 to 15.4.9). */
const STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** RFC 3986 3.1, in lower case. */
const SCHEME = /^[a-z][a-z0-9+.-]*$/;

export function readRedirect(message: Message, field: string, problems: Problems): Redirect {
  const { status, scheme, hostname } = message;
  if (!STATUSES.has(status)) problems.add(`${field}.status`, `${status} is none of 301, 302, 303, 307 and 308`);
  if (scheme.length > 0 && !SCHEME.test(scheme)) {
    problems.add(`${field}.scheme`, `"${scheme}" is not a scheme in lower case`);
  }
  const problem = hostname.length === 0 ? undefined : hostProblem(hostname);
  if (problem !== undefined) problems.add(`${field}.hostname`, problem);
  return {
    status,
    scheme,
    hostname,
    port: readPort(message, field, problems),
    path: readPathRewrite(message.path, `${field}.path`, problems),
  };
}

function readPort({ port }: Message, field: string, problems: Problems): Redirect['port'] {
  switch (port.case) {
    case 'number':
      problems.checkPort(port.value, `${field}.number`);
      return port.value;
    case 'choice':
      switch (port.value) {
        case PortChoice.AS_REQUESTED:
          return 'as-requested';
        case PortChoice.IMPLIED_BY_SCHEME:
          return 'implied-by-scheme';
        default:
          problems.add(`${field}.choice`, `value ${String(port.value)} is not known; is the controller newer?`);
          return 'as-requested';
      }
    case undefined:
      return 'as-requested';
  }
}
